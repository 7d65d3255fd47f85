/** While a plan is typed: hide the fields of other kinds, and show the price as a buyer will read it. The server writes the words. */
export function planForm(form) {
  const parts = [...form.querySelectorAll('[data-when]')];
  const choose = () => {
    const kind = new FormData(form).get('kind');
    for (const part of parts) part.hidden = !part.dataset.when.split(' ').includes(kind);
  };
  let asked = 0;
  let timer;
  const ask = async () => {
    const turn = ++asked;
    const body = new URLSearchParams(new FormData(form));
    body.set('intent', 'preview');
    const answer = await fetch(form.action, { method: 'POST', body, headers: { Accept: 'text/html' } });
    if (!answer.ok || turn !== asked) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const [now, next] = [form.querySelector('[data-result]'), page.querySelector('[data-result]')];
    if (now && next) now.replaceChildren(...next.childNodes);
  };
  form.querySelector('[data-preview]')?.setAttribute('hidden', '');
  form.addEventListener('input', () => {
    choose();
    clearTimeout(timer);
    timer = setTimeout(() => void ask().catch(() => undefined), 300);
  });
  choose();
}
