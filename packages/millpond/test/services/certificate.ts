// A self-signed certificate for 127.0.0.1, made on the spot, so that TLS tests need no openssl and no private key in
// the repository.
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** PEM texts; the certificate is its own authority. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

export interface CertificateOptions {
  /** Default `['localhost']`. */
  readonly names?: readonly string[]
  /** IPv4. Default `['127.0.0.1']`. */
  readonly addresses?: readonly string[]
  /** The end of its last day, as `YYMMDD`. Default `491231`. */
  readonly until?: string
}

/** X.509 v3 (RFC 5280) over P-256, valid from 2020. */
export function selfSigned(options: CertificateOptions = {}): Certificate {
  const { names: hosts = ['localhost'], addresses = ['127.0.0.1'], until = '491231' } = options
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(oid('2a8648ce3d040302'))
  const commonName = sequence(tlv(0x31, sequence(oid('550403'), tlv(0x0c, Buffer.from('localhost')))))
  const names = sequence(
    ...hosts.map((host) => tlv(0x82, Buffer.from(host))),
    ...addresses.map((address) => tlv(0x87, Buffer.from(address.split('.').map(Number)))),
  )
  const isAuthority = sequence(tlv(0x01, Buffer.from([0xff])))
  const extensions = sequence(
    sequence(oid('551d13'), tlv(0x01, Buffer.from([0xff])), tlv(0x04, isAuthority)),
    sequence(oid('551d11'), tlv(0x04, names)),
  )
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, Buffer.concat([Buffer.from([0x40]), randomBytes(8)])),
    ecdsaWithSha256,
    commonName,
    sequence(tlv(0x17, Buffer.from('200101000000Z')), tlv(0x17, Buffer.from(`${until}235959Z`))),
    commonName,
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, extensions),
  )
  const signature = tlv(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)]))
  const der = sequence(body, ecdsaWithSha256, signature)
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

function tlv(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: Buffer[]): Buffer => tlv(0x30, ...parts)
const oid = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, 'hex'))
