/** Narrow a list while typing: an input inside, entries marked `data-filter-text`, groups marked `data-filter-group`. */
export function filter(root) {
  const input = root.querySelector('[data-filter-input]');
  if (!input) return;
  input.closest('[hidden]')?.removeAttribute('hidden');
  const entries = [...root.querySelectorAll('[data-filter-text]')];
  input.addEventListener('input', () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const entry of entries) entry.hidden = !words.every((word) => entry.dataset.filterText.toLowerCase().includes(word));
    for (const group of root.querySelectorAll('[data-filter-group]')) group.hidden = !group.querySelector('[data-filter-text]:not([hidden])');
  });
}
