import { createTransport } from 'nodemailer';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface Mailer {
  /** Resolves when the mail server, or the sandbox's mailbox, has taken it. */
  send(mail: Mail): Promise<void>;
  close(): void;
}

/**
 * @param keep  where mail goes when no server is configured: the sandbox's mailbox
 */
export function makeMailer({ smtpUrl, from, keep }: { smtpUrl: string; from: string; keep: (mail: Mail) => Promise<void> }): Mailer {
  if (smtpUrl === '') return { send: keep, close: () => undefined };
  const transport = createTransport(smtpUrl, { from });
  return { send: async (mail) => void (await transport.sendMail(mail)), close: () => transport.close() };
}
