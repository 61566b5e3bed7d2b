/** Modules of the engine. `bindings.ts` says what is in them. */
declare module 'pie:*';
declare module 'wasi:*';
