export interface Step {
  readonly title: string;
  readonly text: string;
  readonly done: boolean;
  readonly current: boolean;
  readonly href: string;
  readonly action: string;
}

/** The first run: four steps, the first that is open marked. Null once all are done. */
export function firstRun(
  done: { subscribed: boolean; app: boolean; credential: boolean; called: boolean },
  links: { pending: string | null; credential: string; call: string },
): Step[] | null {
  if (done.subscribed && done.app && done.credential && done.called) return null;
  const steps = [
    {
      title: 'Choose an API and subscribe',
      text: 'Many have a free plan; the price and the rules stand on the page before you pay.',
      done: done.subscribed,
      href: links.pending ?? '/apis?free=1',
      action: links.pending ? 'Finish the purchase' : 'Find an API',
    },
    {
      title: 'Name the app that will call it',
      text: 'An app holds your keys. You can also create it while you subscribe.',
      done: done.app,
      href: '/apps/new',
      action: 'Create an app',
    },
    {
      title: 'Create a key',
      text: 'It is shown once, with a call that works as it stands.',
      done: done.credential,
      href: links.credential,
      action: 'Create a key',
    },
    {
      title: 'Make your first call',
      text: 'Paste the curl into a terminal. The call appears here within ten seconds.',
      done: done.called,
      href: links.call,
      action: 'Show the call',
    },
  ];
  const current = steps.findIndex((step) => !step.done);
  return steps.map((step, index) => ({ ...step, current: index === current }));
}
