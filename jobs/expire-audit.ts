import type { Job } from './job.ts';

/** Take away records of the audit log that their organizations keep no longer: once a day, whoever asks first. */
export const expireAudit: Job<'expire-audit'> = {
  name: 'expire-audit',
  async run(_, { auditRetention, log }) {
    const records = await auditRetention.expireDue();
    if (records > 0) log.info({ records }, 'records of the audit log were older than they are kept');
  },
};
