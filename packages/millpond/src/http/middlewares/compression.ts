// Compression of an application's answers. Behind the cache, so that each coding of an answer is made once and stored.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import { checkOptions, listOf, oneOf, type Shape, whole } from '../../core/checks.ts'
import type { Middleware } from '../node/http-cache.ts'
import { codingFor } from '../rules/vary.ts'
import { vary } from './cache-headers.ts'
import { beforeHead } from './head.ts'

export type Coding = 'br' | 'gzip' | 'zstd'

export interface CompressionOptions {
  /** In order of preference, if the client accepts several equally. Default: brotli, zstd (if Node has it), gzip. */
  readonly codings?: readonly Coding[] | undefined
  /** Shorter bodies are not compressed, if their length is known. Default 1,024 bytes. */
  readonly minBytes?: number | undefined
}

const OPTIONS: Shape<CompressionOptions> = {
  codings: listOf(oneOf('br', 'gzip', 'zstd'), 'a list of codings'),
  minBytes: whole(0),
}

/** Compressible types: text and its relatives (RFC 6838 3.4.2 for the suffixes). */
const COMPRESSIBLE =
  /^(?:text\/|application\/(?:json|javascript|xml|wasm|manifest\+json|x-ndjson)|image\/svg\+xml|font\/(?:ttf|otf)|[^;]+\+(?:json|xml|text))/i

/** Node 22.15 has it; its types here do not. */
const createZstd: (() => Transform) | undefined = Reflect.get(zlib, 'createZstdCompress')
const CREATE: Readonly<Record<Coding, (() => Transform) | undefined>> = {
  br: () => zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } }),
  gzip: () => zlib.createGzip({ level: 6 }),
  zstd: createZstd === undefined ? undefined : () => createZstd(),
}
const DEFAULT_CODINGS: readonly Coding[] = createZstd === undefined ? ['br', 'gzip'] : ['br', 'zstd', 'gzip']

/**
 * Compresses by `Accept-Encoding` (RFC 9110 12.5.3), and adds it to `Vary`. Not compressed: already encoded answers,
 * `no-transform`, parts, short and incompressible answers. Put it behind the cache, and give the cache the same
 * `codings`, so that each coding is stored once.
 * @throws MillpondError `OPTION_INVALID`.
 */
export function compression(options: CompressionOptions = {}): Middleware {
  checkOptions<CompressionOptions>(options, OPTIONS, 'compression')
  const { codings = DEFAULT_CODINGS, minBytes = 1024 } = options
  const usable = codings.filter((coding) => CREATE[coding] !== undefined)
  return (request, response, next) => {
    if (request.method !== 'HEAD') compress(request, response, usable, minBytes)
    next()
  }
}

function compress(
  request: IncomingMessage,
  response: ServerResponse,
  codings: readonly Coding[],
  minBytes: number,
): void {
  const write = response.write.bind(response)
  const end = response.end.bind(response)
  const given = request.headers['accept-encoding']
  const coding = codingFor(typeof given === 'string' ? given : undefined, codings)
  let stream: Transform | undefined
  beforeHead(response, (status) => {
    const length = Number(response.getHeader('Content-Length') ?? Number.NaN)
    const type = String(response.getHeader('Content-Type') ?? '')
    const isFit =
      status >= 200 &&
      status !== 204 &&
      status !== 206 &&
      status !== 304 &&
      COMPRESSIBLE.test(type) &&
      !response.hasHeader('Content-Encoding') &&
      !(length < minBytes)
    if (!isFit || /no-transform/i.test(String(response.getHeader('Cache-Control') ?? ''))) return
    vary(response, 'Accept-Encoding')
    const create = coding === undefined ? undefined : CREATE[coding as Coding]
    if (coding === undefined || create === undefined) return
    response.removeHeader('Content-Length')
    response.setHeader('Content-Encoding', coding)
    // RFC 9110 8.8.1: different bytes, so the strong tag of the uncompressed ones does not apply.
    const etag = response.getHeader('ETag')
    if (typeof etag === 'string' && etag.startsWith('"')) response.setHeader('ETag', `W/${etag}`)
    stream = create()
    stream.on('data', (chunk: Buffer) => {
      if (!write(chunk)) stream?.pause()
    })
    stream.on('end', () => end())
    response.on('drain', () => stream?.resume())
  })
  const startOnce = (body: unknown, encoding: unknown): void => {
    if (response.headersSent || stream !== undefined) return
    if (body !== undefined && !response.hasHeader('Content-Length')) {
      response.setHeader(
        'Content-Length',
        Buffer.byteLength(body as string, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'),
      )
    }
    response.writeHead(response.statusCode)
  }
  Object.assign(response, {
    write: (...args: unknown[]) => {
      startOnce(undefined, undefined)
      return stream === undefined ? Reflect.apply(write, undefined, args) : Reflect.apply(stream.write, stream, args)
    },
    end: (...args: unknown[]) => {
      const isBody = typeof args[0] === 'string' || args[0] instanceof Uint8Array
      startOnce(isBody ? args[0] : undefined, args[1])
      if (stream === undefined) return Reflect.apply(end, undefined, args)
      Reflect.apply(stream.end, stream, args)
      return response
    },
  })
}
