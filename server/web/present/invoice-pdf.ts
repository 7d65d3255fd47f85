import PDFDocument from 'pdfkit';
import { formatMoney, groupDigits } from '../../domain/money.ts';
import type { InvoiceModel } from './invoice.ts';
import { statusWord } from './status.ts';
import { dateWords } from './time.ts';

const MARGIN = 56;
const WIDTH = 595.28 - 2 * MARGIN;
const AMOUNT_WIDTH = 100;
const BOTTOM = 841.89 - MARGIN - 40;
const INK = '#16201b';
const MUTED = '#57605a';
const BRAND = '#0d5c48';
const LINE = '#cfcbbf';

/**
 * The invoice as a file: the same stored numbers as its page. The dates inside are the invoice's, so that the same invoice always gives
 * the same bytes.
 */
export async function invoicePdf(invoice: InvoiceModel): Promise<Buffer> {
  const issued = new Date(invoice.issuedAt);
  const pdf = new PDFDocument({
    size: 'A4',
    margin: MARGIN,
    info: { Title: `Invoice ${invoice.label}`, Author: invoice.seller.name, CreationDate: issued, ModDate: issued },
  });
  const parts: Buffer[] = [];
  pdf.on('data', (part: Buffer) => parts.push(part));
  const done = new Promise<void>((resolve) => pdf.on('end', resolve));
  // The standard fonts know Latin-1 only; what they cannot show is replaced, never dropped in silence.
  const say = (text: string): string =>
    text
      .replace(/[–—]/g, '-')
      .replace(/[“”]/g, '"')
      .replace(/[‘’]/g, "'")
      .replace(/[^\u0009\u000a\u0020-\u00ff€…]/gu, '?');
  const money = (minor: bigint): string => formatMoney(minor, invoice.currency);
  const text = (words: string, size: number, colour: string, bold = false): void =>
    void pdf
      .font(bold ? 'Helvetica-Bold' : 'Helvetica')
      .fontSize(size)
      .fillColor(colour)
      .text(say(words), MARGIN, pdf.y, { width: WIDTH });
  const room = (height: number): void => {
    if (pdf.y + height > BOTTOM) pdf.addPage();
  };
  const rule = (): void =>
    void pdf
      .moveTo(MARGIN, pdf.y)
      .lineTo(MARGIN + WIDTH, pdf.y)
      .lineWidth(0.6)
      .strokeColor(LINE)
      .stroke()
      .moveDown(0.5);
  function row(words: string, amount: string, bold = false, notes: readonly string[] = []): void {
    const [wordWidth, font] = [WIDTH - AMOUNT_WIDTH - 12, bold ? 'Helvetica-Bold' : 'Helvetica'];
    pdf.font(font).fontSize(10);
    room(pdf.heightOfString(say(words), { width: wordWidth }) + notes.length * 13 + 10);
    const top = pdf.y;
    pdf.fillColor(INK).text(say(words), MARGIN, top, { width: wordWidth });
    for (const note of notes)
      pdf
        .font('Helvetica')
        .fontSize(8.5)
        .fillColor(MUTED)
        .text(say(note), MARGIN + 10, pdf.y + 1, { width: wordWidth - 10 });
    const bottom = pdf.y;
    pdf
      .font(font)
      .fontSize(10)
      .fillColor(INK)
      .text(amount, MARGIN + WIDTH - AMOUNT_WIDTH, top, { width: AMOUNT_WIDTH, align: 'right' });
    pdf.x = MARGIN;
    pdf.y = bottom + 6;
  }

  text('Tollgate', 13, BRAND, true);
  pdf.moveDown(1.2);
  text(`Invoice ${invoice.label}`, 20, INK, true);
  pdf.moveDown(0.3);
  text(
    `${invoice.product.name} · issued ${dateWords(invoice.issuedAt)} · ${invoice.paidAt === null ? statusWord('invoice', invoice.state)[0].toLowerCase() : `paid ${dateWords(invoice.paidAt)}`}`,
    10,
    MUTED,
  );
  pdf.moveDown(1.2);
  const top = pdf.y;
  pdf
    .font('Helvetica')
    .fontSize(8.5)
    .fillColor(MUTED)
    .text('Seller', MARGIN, top)
    .text('Buyer', MARGIN + WIDTH / 2, top);
  const half = { width: WIDTH / 2 - 12 };
  pdf
    .font('Helvetica-Bold')
    .fontSize(10)
    .fillColor(INK)
    .text(say(invoice.seller.name), MARGIN, top + 13, half)
    .font('Helvetica')
    .text(say([invoice.seller.email, invoice.seller.website].filter(Boolean).join('\n')), half);
  const left = pdf.y;
  pdf
    .font('Helvetica-Bold')
    .text(say(invoice.buyer.name), MARGIN + WIDTH / 2, top + 13, half)
    .font('Helvetica')
    .text(say(invoice.buyer.email), half);
  pdf.x = MARGIN;
  pdf.y = Math.max(left, pdf.y) + 18;
  rule();
  for (const { text: words, quantity, amountMinor, explanation } of invoice.lines) {
    row(words, money(amountMinor), false, [...(quantity === null ? [] : [`Quantity ${groupDigits(quantity)}`]), ...explanation]);
  }
  if (invoice.carriedInMinor !== 0n) row('Carried from the invoice before', money(invoice.carriedInMinor));
  rule();
  row('Total', money(invoice.totalMinor), true);
  if (invoice.chargeMinor !== invoice.totalMinor) row('Charged', money(invoice.chargeMinor));
  if (invoice.carriedMinor !== 0n) row('Carried to the next invoice', money(invoice.carriedMinor));
  pdf.moveDown(0.8);
  text(
    `${invoice.outcome} Usage ${invoice.period === 'The first fee' ? 'is billed after the period' : `of ${invoice.period}, the end excluded`}. All times in UTC.`,
    9,
    MUTED,
  );
  pdf.moveDown(0.3);
  text(`Invoice id ${invoice.id}`, 8, MUTED);
  pdf.end();
  await done;
  return Buffer.concat(parts);
}
