// Binds each element with `data-module` to its module. A page is whole without any of them.
import { autoSubmit } from './auto-submit.js';
import { calculator } from './calculator.js';
import { confirm } from './confirm.js';
import { copy } from './copy.js';
import { errorSummary } from './error-summary.js';
import { filter } from './filter.js';
import { hotkeys } from './hotkeys.js';
import { menu } from './menu.js';
import { passkey } from './passkey.js';
import { planForm } from './plan-form.js';
import { theme } from './theme.js';

const modules = { 'auto-submit': autoSubmit, calculator, confirm, copy, 'error-summary': errorSummary, filter, menu, passkey, 'plan-form': planForm, theme };

export function bind(root) {
  for (const element of root.querySelectorAll('[data-module]')) modules[element.dataset.module]?.(element);
}

bind(document);
hotkeys(document);
