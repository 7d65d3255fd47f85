/** The sandbox's set-up is plain JavaScript, because it runs before anything is installed; what tests use of it without a declaration of its own is untyped. */
declare module '*.mjs';
