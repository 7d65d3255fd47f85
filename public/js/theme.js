/** Change the appearance without loading the page; the form behind it stores the choice in the same cookie. */
export function theme(form) {
  form.addEventListener('submit', (event) => {
    const choice = event.submitter?.value;
    if (!choice) return;
    event.preventDefault();
    const secure = location.protocol === 'https:' ? '; Secure' : '';
    document.cookie = `tollgate-theme=${choice}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    document.documentElement.dataset.theme = choice;
    document.querySelector('meta[name="color-scheme"]').content = choice === 'auto' ? 'light dark' : choice;
    for (const button of form.querySelectorAll('button')) button.setAttribute('aria-pressed', String(button.value === choice));
  });
}
