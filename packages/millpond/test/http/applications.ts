// One application in every framework that has an adapter, behind the cache, inside it or around it: what the suites
// over real sockets run against.
import { createServer, type RequestListener, type Server } from 'node:http'
import { Readable } from 'node:stream'
import { getRequestListener } from '@hono/node-server'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { fastifyCache } from '../../src/http/fastify.ts'
import { cachedFetch } from '../../src/http/fetch.ts'
import { honoCache } from '../../src/http/hono.ts'
import type { HttpCache } from '../../src/http/index.ts'
import { koaCache } from '../../src/http/koa.ts'

/** What every application here does. */
export interface Answer {
  readonly status: number
  readonly headers: Record<string, string>
  /** A list comes piece by piece; an error in it is where it breaks off. */
  readonly body: string | readonly (string | Error)[]
}

export interface Told {
  readonly method: string
  readonly url: string
  header(name: string): string | undefined
}

/** How a framework answers, by the method, target and header that it saw. */
export type Application = (told: Told) => Answer

async function* pieces(body: readonly (string | Error)[]): AsyncGenerator<Buffer> {
  for (const piece of body) {
    // Each a write of its own.
    await new Promise((resolve) => setImmediate(resolve))
    if (piece instanceof Error) throw piece
    yield Buffer.from(piece)
  }
}

const streamOf = (body: readonly (string | Error)[]): Readable => Readable.from(pieces(body), { objectMode: false })

function webHandler(application: Application): (request: Request) => Promise<Response> {
  return async (request) => {
    const url = new URL(request.url)
    const header = (name: string): string | undefined => request.headers.get(name) ?? undefined
    const { status, headers, body } = application({ method: request.method, url: url.pathname + url.search, header })
    const content = typeof body === 'string' ? body : ReadableStream.from(pieces(body))
    return new Response(status === 304 ? null : content, { status, headers })
  }
}

function listenerOf(application: Application): RequestListener {
  return (request, response) => {
    const header = (name: string): string | undefined => request.headers[name]?.toString()
    const { status, headers, body } = application({ method: request.method ?? '', url: request.url ?? '', header })
    response.writeHead(status, headers)
    if (typeof body === 'string') response.end(body)
    else
      streamOf(body)
        .on('error', () => response.destroy())
        .pipe(response)
  }
}

function expressApp(application: Application, http?: HttpCache): RequestListener {
  const app = express()
  if (http !== undefined) app.use(http.middleware())
  app.use((request, response) => {
    const { status, headers, body } = application({
      method: request.method,
      url: request.url,
      header: (name) => request.header(name),
    })
    response.status(status).set(headers)
    if (typeof body === 'string') response.send(body)
    else
      streamOf(body)
        .on('error', () => response.destroy())
        .pipe(response)
  })
  return app
}

async function fastifyServer(application: Application, http: HttpCache, isPlugin: boolean): Promise<Server> {
  let server: Server | undefined
  const app = isPlugin
    ? fastify()
    : fastify({
        serverFactory: (handler) => {
          server = createServer(http.listener(handler))
          return server
        },
      })
  if (isPlugin) await app.register(fastifyCache(http))
  app.all('*', (request, reply) => {
    const header = (name: string): string | undefined => request.headers[name]?.toString()
    const { status, headers, body } = application({ method: request.method, url: request.url, header })
    return reply
      .code(status)
      .headers(headers)
      .send(typeof body === 'string' ? body : streamOf(body))
  })
  await app.ready()
  return server ?? app.server
}

function koaApp(application: Application, http?: HttpCache): RequestListener {
  const app = new Koa()
  app.silent = true
  if (http !== undefined) app.use(koaCache(http))
  app.use((context) => {
    const header = (name: string): string | undefined => context.get(name) || undefined
    const { status, headers, body } = application({ method: context.method, url: context.url, header })
    context.status = status
    context.body = typeof body === 'string' ? body : streamOf(body)
    context.set(headers)
  })
  return app.callback()
}

function honoApp(application: Application, http?: HttpCache): (request: Request) => Response | Promise<Response> {
  const app = new Hono()
  if (http !== undefined) app.use(honoCache(http))
  app.onError((_, context) => context.text('broken', 500))
  app.all('*', (context) => webHandler(application)(context.req.raw))
  return app.fetch
}

/** Makes a server of the application, with the cache where the adapter has it. */
export type MakeServer = (application: Application, http: HttpCache) => Promise<Server> | Server

export const adapters: readonly (readonly [string, MakeServer])[] = [
  ['node:http', (application, http) => createServer(http.listener(listenerOf(application)))],
  ['Express, before it', (application, http) => createServer(http.listener(expressApp(application)))],
  ['Express, as app.use', (application, http) => createServer(expressApp(application, http))],
  ['Fastify, before it', (application, http) => fastifyServer(application, http, false)],
  ['Fastify, as a plugin', (application, http) => fastifyServer(application, http, true)],
  ['Koa, before it', (application, http) => createServer(http.listener(koaApp(application)))],
  ['Koa, as app.use', (application, http) => createServer(koaApp(application, http))],
  ['Hono, before it', (application, http) => createServer(http.listener(getRequestListener(honoApp(application))))],
  ['Hono, as app.use', (application, http) => createServer(getRequestListener(honoApp(application, http)))],
  [
    'a fetch handler',
    (application, http) => createServer(getRequestListener(cachedFetch(http, webHandler(application)))),
  ],
]
