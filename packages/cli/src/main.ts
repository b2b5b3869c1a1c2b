// The command line: from arguments to an exit code.
import { isError } from 'millpond/options'
import { helpOf, helpOfGroup, overview } from './arguments/help.ts'
import { parse } from './arguments/parse.ts'
import type { Command, Context } from './command.ts'
import { COMMANDS } from './commands/index.ts'
import { Client } from './connection/client.ts'
import { isLoopback, senderFor } from './connection/send.ts'
import { connectionFor } from './connection/settings.ts'
import { EXIT, Failure, wrongUse } from './failure.ts'
import { handedOver } from './hand-over.ts'
import { Output } from './terminal/output.ts'
import { ownStreams, type Streams } from './terminal/streams.ts'
import { sentence, styled, text } from './terminal/text.ts'
import { VERSION } from './version.ts'

/** Runs the command line with the arguments after its name. @returns the exit code; it never rejects */
export async function main(args: readonly string[], streams: Streams = ownStreams()): Promise<number> {
  const other = handedOver(args)
  if (other !== undefined) return other
  const out = new Output(streams, optionsFrom(args))
  const interrupt = new AbortController()
  const stop = streams.onInterrupt(() => {
    // The second one does not wait.
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted)
    interrupt.abort()
  })
  try {
    return await run(args, streams, out, interrupt.signal)
  } catch (error) {
    if (error instanceof Failure) return told(out, error)
    out.error(
      text`millpond: ${sentence(isError(error) ? error.message : String(error))}: unexpected error; --verbose shows where`,
    )
    if (out.isVerbose && isError(error)) for (const line of (error.stack ?? '').split('\n')) out.error(sentence(line))
    return EXIT.unexpected
  } finally {
    stop()
  }
}

function told(out: Output, failure: Failure): number {
  out.error(text`${styled('red', 'millpond:')} ${sentence(failure.message)}`)
  if (out.isVerbose) for (const line of failure.more) out.error(text`  ${sentence(line)}`)
  return EXIT[failure.exit]
}

async function run(args: readonly string[], streams: Streams, out: Output, signal: AbortSignal): Promise<number> {
  const { command, group, given } = parse(args)
  if (given.flag('version')) {
    out.line(text`millpond ${VERSION}`)
    return EXIT.done
  }
  if (command === undefined || given.flag('help')) {
    const lines =
      command !== undefined
        ? helpOf(command, out.columns)
        : group !== undefined
          ? helpOfGroup(group, out.columns)
          : overview(out.columns)
    for (const line of lines) out.line(line)
    return EXIT.done
  }
  const json = given.text('json')
  if (json === '') {
    out.line(text`${command.fields.join(' ')}`)
    return EXIT.done
  }
  checkFields(command, json)
  const opened: (() => Promise<void>)[] = []
  const context: Context = {
    given,
    out,
    streams,
    signal,
    asking: { streams, isForbidden: given.flag('no-input'), signal },
    isLocal: given.has('local'),
    commands: COMMANDS,
    client: once(() => clientFor(given, streams, out, signal, opened)),
  }
  try {
    return EXIT[await command.run(context)]
  } finally {
    for (const close of opened) await close()
  }
}

async function clientFor(
  given: Context['given'],
  streams: Streams,
  out: Output,
  signal: AbortSignal,
  opened: (() => Promise<void>)[],
): Promise<Client> {
  const timeoutMs = given.duration('timeout')
  const trace = (line: string): void => {
    if (out.isVerbose) out.error(styled('dim', sentence(line)))
  }
  if (given.has('local')) {
    const { openLocal } = await import('./connection/local.ts')
    const { send, url, close } = await openLocal(given, (message) => out.note(sentence(message)))
    opened.push(close)
    return new Client({
      connection: { url, urlFrom: '--local', token: undefined, tokenFrom: undefined },
      send,
      timeoutMs,
      signal,
      trace,
    })
  }
  if (given.has('redis') || given.has('sqlite'))
    throw wrongUse('--redis and --sqlite are only for --local STORE or "millpond serve"')
  const connection = await connectionFor(given, streams)
  const { protocol, hostname } = new URL(connection.url)
  if (protocol === 'http:' && connection.token !== undefined && !isLoopback(hostname))
    out.note(styled('yellow', text`the token is sent unencrypted to ${connection.url}: use https`))
  return new Client({ connection, send: await senderFor(connection.url, streams.env), timeoutMs, signal, trace })
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

function checkFields({ name, fields }: Command, json: string | undefined): void {
  if (json === undefined || json === '*') return
  const unknown = json.split(',').find((field) => !fields.includes(field))
  if (unknown !== undefined)
    throw wrongUse(
      `--json: ${JSON.stringify(unknown)} is not a field of "${name}": there are ${fields.join(', ') || 'none'}`,
    )
}

/** Before parsing, since usage errors are formatted too. */
function optionsFrom(args: readonly string[]) {
  const end = args.indexOf('--')
  const own = end < 0 ? args : args.slice(0, end)
  const json = own.find((arg) => arg === '--json' || arg.startsWith('--json='))
  return {
    json: json === undefined || json === '--json=' ? undefined : json.slice('--json='.length) || '*',
    isNdjson: own.includes('--ndjson'),
    isQuiet: own.includes('--quiet'),
    isVerbose: own.includes('--verbose'),
    isColourless: own.includes('--no-color'),
  }
}
