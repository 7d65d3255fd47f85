/** Copy the code of a block or of one value, and say so to everyone. */
export function copy(root) {
  const button = root.querySelector('[data-copy]');
  const label = root.querySelector('[data-copy-label]');
  if (!button || !navigator.clipboard) return;
  const before = label?.textContent ?? '';
  button.hidden = false;
  label?.setAttribute('aria-live', 'polite');
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(root.querySelector('code').textContent);
    if (!label) return;
    label.textContent = 'Copied';
    setTimeout(() => (label.textContent = before), 2_000);
  });
}
