// What a guarded call came to.

/** `ok: false` means that the tier was skipped or failed, and has been reported; `cause` is why, where it was asked. */
export type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly cause?: unknown }
