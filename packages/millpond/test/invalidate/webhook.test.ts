// Signed webhooks: what is accepted, what is refused and how, over real HTTP too.
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { MillpondError } from '../../src/core/errors.ts'
import { type Criteria, resolveCriteria } from '../../src/invalidate/criteria.ts'
import { memoryNonces } from '../../src/invalidate/nonces.ts'
import { type WebhookOptions, webhook } from '../../src/invalidate/webhook.ts'
import { signWebhook } from '../../src/invalidate/webhook-signature.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import fc from '../properties.ts'

const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
const clock = fakeClock()

function setup(more: Partial<WebhookOptions<{ id: string }>> = {}) {
  const asked: Criteria[] = []
  const errors: unknown[] = []
  const hook = webhook({
    secret,
    clock,
    invalidate: async (criteria) => {
      resolveCriteria(criteria, { now: clock.now() })
      asked.push(criteria)
      return { id: 'receipt-1' }
    },
    show: ({ id }) => id,
    onError: (error) => errors.push(error),
    ...more,
  })
  return { hook, asked, errors }
}
let count = 0
const signed = (body: string, at = clock.now(), id = `msg_${count++}`) => signWebhook({ secret, id, body, now: at })
const body = '{"tags":["a"]}'
const problem = (answer: {
  status: number
  headers: Readonly<Record<string, string>>
  body: string
}): [number, string] => {
  expect(answer.headers['content-type']).toBe('application/problem+json')
  const parsed: { type: string; status: number; title: string; detail: string } = JSON.parse(answer.body)
  expect([parsed.status, typeof parsed.title, typeof parsed.detail]).toEqual([answer.status, 'string', 'string'])
  return [answer.status, parsed.type.replace('urn:millpond:problem:', '')]
}

describe('webhook', () => {
  it('I5: a signed message invalidates and shows the receipt', async () => {
    const { hook, asked } = setup()
    const all =
      '{"keys":["a",["user",7]],"tags":["t"],"pattern":"u:*","patterns":["^u"],"model":"User","id":7,"older_than_seconds":60,"created_before":"2026-01-01T00:00:00Z"}'
    const answer = await hook.handle(signed(all), all)
    expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { status: 'invalidated', receipt: 'receipt-1' }])
    expect(asked).toEqual([
      {
        keys: ['a', ['user', 7]],
        tags: ['t'],
        pattern: 'u:*',
        patterns: ['^u'],
        model: 'User',
        id: 7,
        olderThan: 60_000,
        createdBefore: '2026-01-01T00:00:00Z',
      },
    ])
  })

  it('signs as Standard Webhooks does', () => {
    const headers = signWebhook({ secret, id: 'msg_1', body: '{}', now: 1_700_000_000_999 })
    const wanted = createHmac('sha256', '0123456789abcdef0123456789abcdef')
      .update('msg_1.1700000000.{}')
      .digest('base64')
    expect(headers).toEqual({
      'webhook-id': 'msg_1',
      'webhook-timestamp': '1700000000',
      'webhook-signature': `v1,${wanted}`,
    })
    for (const id of ['', 'a.b', 'a b', 'é', 'x'.repeat(129)])
      expect(() => signWebhook({ secret, id, body: '', now: 0 })).toThrow(/signWebhook.id/)
    expect(() => signWebhook({ secret: 'short', id: 'a', body: '', now: 0 })).toThrow(/at least 16 bytes/)
  })

  it('refuses a wrong signature, whatever part is wrong', async () => {
    const { hook, asked } = setup()
    const good = signed(body)
    const wrong: [Record<string, string | string[]>, string][] = [
      [{}, body],
      [{ ...good, 'webhook-signature': '' }, body],
      [{ ...good, 'webhook-signature': 'v1,AAAA' }, body],
      [{ ...good, 'webhook-signature': good['webhook-signature'].replace('v1,', 'v2,') }, body],
      [{ ...good, 'webhook-signature': good['webhook-signature'].slice(0, -4) }, body],
      [{ ...good, 'webhook-id': 'another' }, body],
      [{ ...good, 'webhook-id': '' }, body],
      [{ ...good, 'webhook-timestamp': String(Number(good['webhook-timestamp']) + 1) }, body],
      [{ ...good, 'webhook-timestamp': 'now' }, body],
      [{ ...good, 'webhook-timestamp': `${good['webhook-timestamp']}.0` }, body],
      [{ ...good, 'webhook-id': [good['webhook-id'], 'b'] }, body],
      [good, `${body} `],
      [
        { ...good, ...signWebhook({ secret: 'another secret of enough length', id: 'x', body, now: clock.now() }) },
        body,
      ],
    ]
    for (const [headers, text] of wrong)
      expect(problem(await hook.handle(headers, text))).toEqual([401, 'signature-invalid'])
    expect(asked).toEqual([])
    // Any one of several signatures, any one of several secrets, headers in any case.
    const upper = Object.fromEntries(Object.entries(good).map(([name, value]) => [name.toUpperCase(), value]))
    expect(
      (await hook.handle({ ...upper, 'WEBHOOK-SIGNATURE': `v1,AAAA v2,x ${good['webhook-signature']}` }, body)).status,
    ).toBe(200)
    const rotated = setup({ secret: ['the new secret, long enough', secret] })
    expect((await rotated.hook.handle(signed(body), Buffer.from(body))).status).toBe(200)
  })

  it('refuses late, early and repeated messages', async () => {
    const { hook, asked } = setup()
    expect(problem(await hook.handle(signed(body, clock.now() - 302_000), body))).toEqual([
      401,
      'timestamp-outside-window',
    ])
    expect(problem(await hook.handle(signed(body, clock.now() + 302_000), body))).toEqual([
      401,
      'timestamp-outside-window',
    ])
    const good = signed(body, clock.now() + 290_000)
    expect((await hook.handle(good, body)).status).toBe(200)
    expect(problem(await hook.handle(good, body))).toEqual([409, 'message-repeated'])
    // Until its timestamp is too old by itself.
    clock.advance(589_000)
    expect(problem(await hook.handle(good, body))).toEqual([409, 'message-repeated'])
    clock.advance(2000)
    expect(problem(await hook.handle(good, body))).toEqual([401, 'timestamp-outside-window'])
    expect(asked).toHaveLength(1)
  })

  it('two at once with one id: one counts', async () => {
    const { hook, asked } = setup()
    const good = signed(body)
    const statuses = await Promise.all([hook.handle(good, body), hook.handle(good, body)])
    expect([statuses.map(({ status }) => status).sort(), asked.length]).toEqual([[200, 409], 1])
  })

  it('a message that could not be applied may come again; inner errors are told to the owner, not to the sender', async () => {
    let fails = true
    const { hook, errors } = setup({
      invalidate: async () => {
        if (fails) throw new Error('secret host db-7 is down')
        return { id: 'r' }
      },
    })
    const good = signed(body)
    const refused = await hook.handle(good, body)
    expect([problem(refused), refused.body.includes('db-7'), refused.headers['retry-after'], errors.length]).toEqual([
      [503, 'not-applied'],
      false,
      '1',
      1,
    ])
    fails = false
    expect((await hook.handle(good, body)).status).toBe(200)
    const ledgerDown = setup({
      invalidate: async () => Promise.reject(new MillpondError('LEDGER_UNREACHABLE', 'down')),
    })
    expect(problem(await ledgerDown.hook.handle(signed(body), body))).toEqual([503, 'not-applied'])
  })

  it('bounded: size, and messages to remember', async () => {
    const { hook } = setup({ maxBytes: 20, nonces: memoryNonces(2) })
    const long = `{"tags":["${'x'.repeat(20)}"]}`
    expect(problem(await hook.handle(signed(long), long))).toEqual([413, 'body-too-large'])
    for (let i = 0; i < 2; i++) expect((await hook.handle(signed(body), body)).status).toBe(200)
    expect(problem(await hook.handle(signed(body), body))).toEqual([503, 'busy'])
    clock.advance(301_000)
    expect((await hook.handle(signed(body), body)).status).toBe(200)
  })

  it('bodies that are wrong are named', async () => {
    const { hook, asked } = setup()
    const wrong: [string | Uint8Array, number][] = [
      ...(
        [
          '',
          '{',
          '[]',
          'null',
          '7',
          '{"tag":7}',
          '{"tags":"a"}',
          '{"keys":[{"n":"1"}]}',
          '{"mode":"x"}',
          '{"__proto__":{"all":true}}',
          '{"toString":1}',
          '{"older_than_seconds":-1}',
        ] as const
      ).map((text): [string, number] => [text, 400]),
      [Uint8Array.from([0x7b, 0xff, 0x7d]), 400],
      ...(
        [
          '{}',
          '{"pattern":"^(a)\\\\1"}',
          '{"tags":[""]}',
          '{"id":7}',
          '{"keys":["\\ud800"]}',
          '{"created_before":"today"}',
        ] as const
      ).map((text): [string, number] => [text, 422]),
    ]
    for (const [text, status] of wrong) {
      const headers = signWebhook({ secret, id: `wrong_${count++}`, body: text, now: clock.now() })
      expect([text, problem(await hook.handle(headers, text))[0]]).toEqual([text, status])
    }
    expect(asked).toEqual([])
  })

  it('property: no headers and no body make it throw or answer anything but a refusal', async () => {
    const { hook } = setup()
    const header = fc.oneof(fc.string(), fc.constantFrom('v1,', 'v1,AAAA', '1', '999999999999', 'v1,'.repeat(500)))
    await fc.assert(
      fc.asyncProperty(
        header,
        header,
        header,
        fc.oneof(fc.string(), fc.uint8Array()),
        async (id, timestamp, signature, text) => {
          const answer = await hook.handle(
            { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature },
            text,
          )
          expect(answer.status).toBe(401)
        },
      ),
    )
  })

  it('fetch style, over a real socket: method, streamed size, good message', async () => {
    const { hook } = setup({ maxBytes: 1000 })
    const server = createServer((incoming, outgoing) => {
      const body = Readable.toWeb(incoming) as ReadableStream<Uint8Array>
      const headers = Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)])
      const hasBody = incoming.method === 'POST'
      const request = new Request('http://localhost/', {
        method: incoming.method ?? 'GET',
        headers,
        ...(hasBody ? { body, duplex: 'half' as const } : {}),
      })
      void hook
        .fetch(request)
        .then(async (response) =>
          outgoing.writeHead(response.status, Object.fromEntries(response.headers)).end(await response.text()),
        )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`
    try {
      const good = await fetch(url, { method: 'POST', headers: signed(body), body })
      expect([good.status, await good.json()]).toEqual([200, { status: 'invalidated', receipt: 'receipt-1' }])
      const get = await fetch(url)
      expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST'])
      const long = 'x'.repeat(5000)
      expect((await fetch(url, { method: 'POST', headers: signed(long), body: long })).status).toBe(413)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it('fetch style: stops reading a body without a length as soon as it is too large', async () => {
    const { hook } = setup({ maxBytes: 1000 })
    let pulled = 0
    let cancelled = false
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled++
        controller.enqueue(new Uint8Array(400))
      },
      cancel: () => {
        cancelled = true
      },
    })
    const request = new Request('http://localhost/', { method: 'POST', body: endless, duplex: 'half' } as RequestInit)
    expect([(await hook.fetch(request)).status, cancelled, pulled < 6]).toEqual([413, true, true])
    const broken = new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('cut')) })
    expect(
      (
        await hook.fetch(
          new Request('http://localhost/', { method: 'POST', body: broken, duplex: 'half' } as RequestInit),
        )
      ).status,
    ).toBe(400)
  })

  it('I5: goes by the clock of the system unless it is given another', async () => {
    const hook = webhook({ secret, invalidate: async () => undefined })
    const body = '{"tags":["deals"]}'
    const sentNow = async (seconds: number): Promise<number> => {
      const headers = signWebhook({ secret, id: `id-${seconds}`, body, now: Date.now() + seconds * 1000 })
      return (await hook.handle(headers, body)).status
    }
    expect([await sentNow(0), await sentNow(-600), await sentNow(600)]).toEqual([200, 401, 401])
  })

  it('refuses options that would accept anything', () => {
    expect(() => setup({ secret: [] })).toThrow(/list is empty/)
    expect(() => setup({ secret: 'short' })).toThrow(/at least 16 bytes/)
    expect(() => setup({ secret: 'whsec_AAAA' })).toThrow(/at least 16 bytes/)
    expect(() => setup({ window: Number.POSITIVE_INFINITY })).toThrow(/every replay/)
    expect(() => setup({ maxBytes: 0 })).toThrow(/maxBytes/)
  })
})
