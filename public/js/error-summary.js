/** Take the reader to the faults; without script the browser stays at the top of the page, where they stand. */
export function errorSummary(root) {
  root.focus();
}
