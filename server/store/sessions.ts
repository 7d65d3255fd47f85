import MongoStore from 'connect-mongo';
import type { Store as SessionStore } from 'express-session';
import type { Connection } from 'mongoose';

/** Written at most this often while nothing in the session changes. */
const TOUCH_SECONDS = 300;

/** Sessions of the portal, in Mongo, gone 14 days after their last use. */
export const makeSessionStore = (connection: Connection): SessionStore =>
  MongoStore.create({
    client: connection.getClient() as never, // connect-mongo's types come from another copy of the same driver
    dbName: connection.name,
    collectionName: 'sessions',
    touchAfter: TOUCH_SECONDS,
    ttl: 14 * 86_400,
    stringify: false,
  });
