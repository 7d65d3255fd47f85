/** A select that sends its form when it changes; the button beside it is for pages without script. */
export function autoSubmit(form) {
  for (const button of form.querySelectorAll('[data-fallback]')) button.hidden = true;
  form.addEventListener('change', () => form.requestSubmit());
}
