import type { Mailer } from '../mail/mailer.ts';

export type Notifications = ReturnType<typeof makeNotifications>;

/** Mails, each with its one purpose and one link. Links begin with the configured address, never with a request's Host. */
export function makeNotifications({
  mailer,
  webUrl,
  render,
}: {
  mailer: Mailer;
  webUrl: string;
  render: (view: string, model: Record<string, unknown>) => string;
}) {
  async function send(to: string, subject: string, lines: readonly string[], action: { label: string; href: string } | null): Promise<void> {
    const text = [...lines, ...(action ? [`${action.label}: ${action.href}`] : []), 'Tollgate'].join('\n\n');
    await mailer.send({ to, subject, text, html: render('mail/message', { subject, lines, action }) });
  }

  return {
    verifyAddress: (to: string, name: string, token: string) =>
      send(to, 'Confirm your e-mail address', [`Hello ${name},`, 'please confirm that this address is yours. The link works for 48 hours.'], {
        label: 'Confirm address',
        href: `${webUrl}/verify/${token}`,
      }),
    accountExists: (to: string) =>
      send(
        to,
        'You have an account already',
        ['Somebody (probably you) tried to sign up with this address, which has an account. Sign in, or reset the password if it is lost.'],
        { label: 'Sign in', href: `${webUrl}/sign-in` },
      ),
    noAccount: (to: string) =>
      send(
        to,
        'There is no account with this address',
        ['Somebody (probably you) asked for a new password for this address, which has no account here. Sign up, or try another address you may have used.'],
        { label: 'Sign up', href: `${webUrl}/sign-up` },
      ),
    resetPassword: (to: string, name: string, token: string) =>
      send(
        to,
        'Choose a new password',
        [`Hello ${name},`, 'follow the link to choose a new password. It works once, for one hour. If you did not ask for it, do nothing.'],
        { label: 'Choose a new password', href: `${webUrl}/password-reset/${token}` },
      ),
    /** @param by  who sends it, as the beginning of a sentence */
    recover: (to: string, name: string, token: string, by: string, reason: string) =>
      send(
        to,
        'Remove your second factor',
        [
          `Hello ${name},`,
          `${by} sends you this link, with which you remove the second factor of your account: the codes of your authenticator app. The reason given: ${reason}`,
          'Open it and confirm with your password. It works once, for 24 hours, and ends every session of your account.',
          'If you did not ask for it, do not confirm: the page behind the link has a button that makes it void. Nothing happens without your password.',
        ],
        { label: 'Remove my second factor', href: `${webUrl}/recovery/${token}` },
      ),
    invite: (to: string, organization: string, token: string) =>
      send(to, `Join ${organization} on Tollgate`, [`${organization} invites you to its organization on Tollgate. The link works for 7 days.`], {
        label: 'Accept the invitation',
        href: `${webUrl}/invitations/${token}`,
      }),
    /** What happened with a subscription or a product, in a sentence, with the page that shows it. */
    message: (to: string, subject: string, lines: readonly string[], path: string) => send(to, subject, lines, { label: 'Open', href: `${webUrl}${path}` }),
  };
}
