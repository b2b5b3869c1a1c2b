// What OpenSSL says, without its addresses, numbers and source lines:
// `80DC:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../r.c:1601:SSL alert number 116`
const OPENSSL = /[\dA-F]+:error:[\dA-F]+:SSL routines:[^:]*:([^:\n]*):[^:\n]*:\d+:[^\n]*\n?/g

/** An error's message for people. */
export function readable(message: string): string {
  return message.includes(':SSL routines:') ? message.replace(OPENSSL, 'TLS: $1') : message
}
