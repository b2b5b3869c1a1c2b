// Server-sent events out of a body (HTML Living Standard, 9.2.6): read by fetch, because EventSource sends no
// Authorization.

export interface StreamMessage {
  readonly event: string
  readonly id: string | undefined
  readonly data: string
  /** How long to wait before the next try, in milliseconds, where the server says so. */
  readonly retryMs: number | undefined
}

export async function* messagesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamMessage> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      text += decoder.decode(value, { stream: true })
      // A line end may be cut in two: what follows the last whole blank line waits.
      const blocks = text.split(/\r\n\r\n|\n\n|\r\r/)
      text = blocks.pop() ?? ''
      for (const block of blocks) yield messageOf(block)
    }
  } finally {
    await reader.cancel().catch(() => undefined) // it may be over already
  }
}

function messageOf(block: string): StreamMessage {
  const fields = new Map<string, string>()
  for (const line of block.split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    fields.set(name, name === 'data' && fields.has('data') ? `${fields.get('data')}\n${value}` : value)
  }
  const retry = Number(fields.get('retry') ?? Number.NaN)
  return {
    event: fields.get('event') ?? 'message',
    id: fields.get('id'),
    data: fields.get('data') ?? '',
    retryMs: Number.isFinite(retry) ? retry : undefined,
  }
}
