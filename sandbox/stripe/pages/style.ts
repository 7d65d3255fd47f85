/** The pages' one stylesheet, kept as text so that a compiled simulator needs no file beside it. */
export const STYLE = `
:root {
  --ground: #f4f5f8; --panel: #fff; --ink: #1a1f36; --faint: #545969; --line: #d5dbe3; --accent: #4b43c9; --accent-ink: #fff;
  --bad: #b3093c; --bad-ground: #fde9ef; --good: #046b4a; --notice: #fff3cd; --notice-ink: #5c4400; --notice-line: #e6cf86;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12141c; --panel: #1c1f2b; --ink: #e8eaf2; --faint: #a6adc0; --line: #363c50; --accent: #a49dff; --accent-ink: #14122e;
    --bad: #ff9db5; --bad-ground: #3a1622; --good: #6fd8ae; --notice: #3a300f; --notice-ink: #f6e2a3; --notice-line: #6b5a1c;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
.notice { margin: 0; padding: .65rem 1rem; text-align: center; background: var(--notice); color: var(--notice-ink); border-bottom: 1px solid var(--notice-line); }
main { margin: 2rem auto; padding: 0 1rem 3rem; }
main.narrow { max-width: 31rem; }
main.wide { max-width: 74rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .25rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; }
.faint { color: var(--faint); }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: .75rem; padding: 1.5rem; box-shadow: 0 1px 3px rgb(0 0 0 / 6%); }
.panel + .panel { margin-top: 1.25rem; }
.panel h2 { margin-top: 0; }
label { display: block; font-weight: 600; margin: 1rem 0 .25rem; }
input { width: 100%; padding: .65rem .75rem; font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: .5rem; }
input:focus-visible, button:focus-visible, a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
input[aria-invalid="true"] { border-color: var(--bad); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 1rem; }
.error { color: var(--bad); margin: .25rem 0 0; font-size: .925rem; }
.refused { background: var(--bad-ground); color: var(--bad); border: 1px solid currentcolor; border-radius: .5rem; padding: .75rem 1rem; margin: 1rem 0 0; }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; margin-top: 1.5rem; }
button, .button { display: inline-block; padding: .7rem 1.2rem; font: inherit; font-weight: 600; color: var(--accent-ink); background: var(--accent); border: 1px solid var(--accent); border-radius: .5rem; cursor: pointer; text-decoration: none; }
button.wide { width: 100%; }
button.second, .button.second { color: var(--ink); background: transparent; border-color: var(--line); }
a { color: var(--accent); }
.cards { list-style: none; margin: .75rem 0 0; padding: 0; }
.cards li { display: grid; grid-template-columns: 12.5rem 1fr; gap: .25rem 1rem; align-items: baseline; padding: .55rem 0; border-top: 1px solid var(--line); }
code, .number { font-family: ui-monospace, SFMono-Regular, Menlo, monospace; font-variant-numeric: tabular-nums; user-select: all; overflow-wrap: anywhere; }
dl.facts { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1.25rem; margin: 1rem 0 0; }
dl.facts dt { color: var(--faint); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: .75rem; }
table { width: 100%; border-collapse: collapse; font-size: .925rem; }
th, td { text-align: left; padding: .55rem .9rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--faint); font-weight: 600; }
tbody tr:last-child > * { border-bottom: 0; }
td.amount, th.amount { text-align: right; font-variant-numeric: tabular-nums; }
.state { font-weight: 600; }
.state.paid, .state.delivered, .state.complete { color: var(--good); }
.state.open, .state.pending, .state.draft { color: var(--ink); }
.state.void, .state.uncollectible, .state.failed, .state.expired { color: var(--bad); }
.empty { padding: 1rem; color: var(--faint); margin: 0; }
@media (max-width: 30rem) { .cards li { grid-template-columns: 1fr; gap: 0; } .panel { padding: 1.1rem; } main { margin-top: 1rem; } }
`;
