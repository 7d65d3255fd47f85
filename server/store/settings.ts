import { Schema, type Connection } from 'mongoose';
import { insertOnce } from './connect.ts';

interface SettingDoc {
  _id: string;
  value: unknown;
}

export function makeSettingsStore(connection: Connection) {
  const schema = new Schema<SettingDoc>({ _id: { type: String, required: true }, value: { type: Schema.Types.Mixed } }, { strict: 'throw', versionKey: false });
  const Settings = connection.model('Setting', schema);

  return {
    models: [Settings],
    get: async <T>(name: string): Promise<T | undefined> => (await Settings.findById(name).lean<SettingDoc>())?.value as T | undefined,
    set: async (name: string, value: unknown) => void (await Settings.updateOne({ _id: name }, { $set: { value } }, { upsert: true })),
    /** Only forward: the clock's offset never shrinks, whoever writes last. */
    raise: async (name: string, value: number) => void (await Settings.updateOne({ _id: name }, { $max: { value } }, { upsert: true })),
    /** Take a lease that is free, over, or held by the same owner. True: it is ours until then (epoch ms of the machine's clock). */
    lease: async (name: string, owner: string, now: number, until: number, note: unknown = null): Promise<boolean> => {
      const value = { owner, until, note };
      const take = async (condition: object) => (await Settings.updateOne({ _id: name, ...condition }, { $set: { value } })).matchedCount === 1;
      return (
        (await take({ 'value.owner': owner })) || (await take({ 'value.until': { $lte: now } })) || insertOnce(() => Settings.create({ _id: name, value }))
      );
    },
    /** Give a lease of ours back before it is over. */
    release: async (name: string, owner: string) => void (await Settings.updateOne({ _id: name, 'value.owner': owner }, { $set: { 'value.until': 0 } })),
    /** One more, or two after a lost reply: for versions, where only a rise matters. @returns the value as it stands afterwards */
    bump: async (name: string): Promise<number> => {
      await insertOnce(() => Settings.updateOne({ _id: name }, { $inc: { value: 1 } }, { upsert: true })).then(
        async (first) => first || Settings.updateOne({ _id: name }, { $inc: { value: 1 } }),
      );
      return Number((await Settings.findById(name).lean<SettingDoc>())?.value ?? 0);
    },
  };
}

export type SettingsStore = ReturnType<typeof makeSettingsStore>;
