/** Strokes of our own icons on a 20 × 20 grid, drawn with the text's colour. */
const STROKES: Readonly<Record<string, string>> = {
  alert: 'M10 3.2 17.6 16.4H2.4Z M10 8.2v3.6 M10 14v.2',
  arrow: 'M4 10h12 M11.5 5.5 16 10l-4.5 4.5',
  bolt: 'M11 2.5 4.5 11.5H9.5L9 17.5 15.5 8.5H10.5Z',
  book: 'M4 4.5c2.2-1 4.2-1 6 .3 1.8-1.3 3.8-1.3 6-.3v11c-2.2-1-4.2-1-6 .3-1.8-1.3-3.8-1.3-6-.3Z M10 4.8v11',
  box: 'M10 2.5 16.5 6v8L10 17.5 3.5 14V6Z M3.5 6 10 9.5 16.5 6 M10 9.5v8',
  building: 'M4 17V4.5h8V17 M12 8.5h4V17 M2.5 17h15 M7 8h2 M7 11h2 M7 14h2',
  calendar: 'M3.5 5h13v11.5h-13Z M3.5 8.5h13 M7 3v3.5 M13 3v3.5',
  chart: 'M3.5 3.5v13h13 M7 13V9.5 M10.5 13V6 M14 13v-2.5',
  card: 'M2.5 5h15v10.5h-15Z M2.5 8.5h15 M5 12.5h3.5',
  check: 'M4 10.5 8.2 14.5 16 6',
  close: 'M5 5l10 10 M15 5 5 15',
  coins: 'M8 4.5a4.5 2 0 1 0 .01 0Z M3.5 6.5v4c0 1.1 2 2 4.5 2 M12 9.5a4.5 2 0 1 0 .01 0Z M7.5 11.5v3c0 1.1 2 2 4.5 2s4.5-.9 4.5-2v-3',
  copy: 'M7 7h9.5v9.5H7Z M13 7V3.5H3.5V13H7',
  external: 'M8 4H4v12h12v-4 M11.5 3.5h5v5 M16.5 3.5 9.5 10.5',
  gate: 'M3.5 17V6.5a6.5 3.5 0 0 1 13 0V17 M7.8 17V8.5 M12.2 17V8.5 M2 17h16',
  gauge: 'M3.5 15a7.5 7.5 0 1 1 13 0 M10 11.5 13.5 7',
  info: 'M10 2.8a7.2 7.2 0 1 0 .01 0Z M10 9v5 M10 6.3v.2',
  key: 'M7 9.5a3.5 3.5 0 1 0 .01 0Z M9.5 10.5 16.5 3.5 M13.5 6.5l2.5 2.5',
  layers: 'M10 3 17 6.8 10 10.5 3 6.8Z M3.5 10.3 10 13.8l6.5-3.5 M3.5 13.6 10 17l6.5-3.4',
  list: 'M7 5h10 M7 10h10 M7 15h10 M3.5 5v.1 M3.5 10v.1 M3.5 15v.1',
  lock: 'M4.5 9h11v8h-11Z M7 9V6.5a3 3 0 0 1 6 0V9',
  menu: 'M3 5.5h14 M3 10h14 M3 14.5h14',
  moon: 'M16 12.2A6.8 6.8 0 0 1 7.8 4a6.8 6.8 0 1 0 8.2 8.2Z',
  people: 'M7.5 3.8a2.8 2.8 0 1 0 .01 0Z M2.5 16.5c0-3 2-5 5-5s5 2 5 5 M13 4.2a2.6 2.6 0 0 1 0 5 M14.5 11.8c2 .5 3.2 2.2 3.2 4.7',
  plug: 'M7.5 3v4 M12.5 3v4 M5.5 7h9v2.5a4.5 4.5 0 0 1-9 0Z M10 14v3.5',
  plus: 'M10 4v12 M4 10h12',
  receipt: 'M4.5 2.8h11v14.4l-2.2-1.4-1.8 1.4L10 15.8l-1.5 1.4-1.8-1.4-2.2 1.4Z M7.5 7h5 M7.5 10.5h5',
  search: 'M8.8 3.5a5.3 5.3 0 1 0 .01 0Z M12.8 12.8 17 17',
  store: 'M3.5 8.5v8h13v-8 M2.5 8.5 4 3.5h12l1.5 5a2.5 2.5 0 0 1-5 0 2.5 2.5 0 0 1-5 0 2.5 2.5 0 0 1-5 0Z M8 16.5v-4h4v4',
  sun: 'M10 6.5a3.5 3.5 0 1 0 .01 0Z M10 2v1.5 M10 16.5V18 M2 10h1.5 M16.5 10H18 M4.3 4.3l1.1 1.1 M14.6 14.6l1.1 1.1 M15.7 4.3l-1.1 1.1 M5.4 14.6l-1.1 1.1',
  user: 'M10 3.5a3.2 3.2 0 1 0 .01 0Z M3.8 17c0-3.3 2.6-5.5 6.2-5.5s6.2 2.2 6.2 5.5',
};

/** An icon is decoration: the words beside it carry the meaning. @throws Error on a name that is not drawn */
export function iconSvg(name: string): string {
  const path = Object.hasOwn(STROKES, name) ? STROKES[name] : undefined;
  if (path === undefined) throw new Error(`no such icon: ${name}`);
  return `<svg class="icon" viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false"><path d="${path}"/></svg>`;
}
