/** `/` takes the reader to the search box, unless something is being typed. */
export function hotkeys(document) {
  document.addEventListener('keydown', (event) => {
    const at = event.target;
    const typing = at instanceof HTMLElement && (at.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(at.tagName));
    if (typing || event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
    const box = [...document.querySelectorAll('[data-hotkey="/"]')].find((input) => input.offsetParent !== null);
    if (!box) return;
    event.preventDefault();
    box.focus();
  });
}
