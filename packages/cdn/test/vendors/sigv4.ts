// Whether a request is signed as AWS documents it (Signature Version 4), written from the documentation and without the
// SDK's code.
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Asked } from './wire.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
/** RFC 3986: all but unreserved characters. */
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

/** What is wrong with it; `undefined`: nothing. */
export function faultOfSignature(
  asked: Asked,
  keys: { readonly id: string; readonly secret: string },
  service: string,
  region = 'us-east-1',
): string | undefined {
  const [, id, date, scope, ofService, names, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
      asked.headers.authorization ?? '',
    ) ?? []
  if (id === undefined || names === undefined || signature === undefined) return 'no signature of version 4'
  if (scope !== region || ofService !== service) return `signed for ${ofService} in ${scope}`
  if (id !== keys.id) return `signed by ${id}`
  const at = String(asked.headers['x-amz-date'])
  if (!/^\d{8}T\d{6}Z$/.test(at) || !at.startsWith(date ?? '')) return 'X-Amz-Date is not the date of the scope'
  const signed = names.split(';')
  for (const needed of ['host', 'x-amz-date']) if (!signed.includes(needed)) return `${needed} is not signed`
  if (
    asked.body !== '' &&
    asked.headers['x-amz-content-sha256'] !== undefined &&
    asked.headers['x-amz-content-sha256'] !== sha256(asked.body)
  )
    return 'the hash is not that of the body'
  const fields = signed
    .map(
      (name) =>
        `${name}:${String(asked.headers[name] ?? '')
          .trim()
          .replace(/\s+/g, ' ')}\n`,
    )
    .join('')
  // Each segment twice, as it is sent encoded once (S3 alone does it once).
  const path = (asked.rawPath.split('?')[0] ?? '/').split('/').map(encoded).join('/')
  const query = [...asked.query]
    .map(([name, value]) => `${encoded(name)}=${encoded(value)}`)
    .sort()
    .join('&')
  const canonical = [asked.method, path, query, fields, signed.join(';'), sha256(asked.body)].join('\n')
  const text = ['AWS4-HMAC-SHA256', at, `${date}/${region}/${service}/aws4_request`, sha256(canonical)].join('\n')
  const key = ['aws4_request'].reduce<Buffer>(
    (last, part) => hmac(last, part),
    hmac(hmac(hmac(`AWS4${keys.secret}`, date ?? ''), region), service),
  )
  const wanted = hmac(key, text)
  return timingSafeEqual(wanted, Buffer.from(signature, 'hex')) ? undefined : 'the signature does not match'
}
