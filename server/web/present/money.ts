/** `USD 1,234.56`: code, space, grouped digits (rule N1). */
export function moneyText(minor: bigint, currency: string): string {
  const digits = String(minor < 0n ? -minor : minor).padStart(3, '0');
  return `${currency.toUpperCase()} ${minor < 0n ? '-' : ''}${digits.slice(0, -2).replace(/\B(?=(\d{3})+(?!\d))/g, ',')}.${digits.slice(-2)}`;
}
