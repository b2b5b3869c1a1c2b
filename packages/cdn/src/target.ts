// Purge targets, validated and normalised.
//
// Every vendor answers "done" to a purge of something that no edge has, and purges nothing: so targets are normalised
// to the form in which a browser requests them (spaces, umlauts, dots, a default port), and those that cannot be are
// refused here.

import { show, showAddress } from 'millpond/options'
import { CdnError } from './errors.ts'

/** The kinds of purge targets. */
export const PURGE_KINDS = ['url', 'path', 'tag', 'prefix', 'host', 'everything'] as const

export type PurgeKind = (typeof PURGE_KINDS)[number]

export type PurgeTarget =
  /** One URL with its query, `https://www.example.com/a?b=1`. */
  | { readonly kind: 'url'; readonly url: string }
  /** A path on every host of a distribution, `/a`; `/a/*` covers everything below it. */
  | { readonly kind: 'path'; readonly path: string }
  /** A tag that a response carried in `Surrogate-Key` or `Cache-Tag`. */
  | { readonly kind: 'tag'; readonly tag: string }
  /** A host and the beginning of a path, `www.example.com/a/`. */
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'everything' }

/** A string is a URL (`https://…`), or a path (`/a`, `a`, `/a/*`). */
export type PurgeTargetLike = PurgeTarget | string

/** Normalised and without duplicates, in the given order. @throws CdnError `TARGET_INVALID` */
export function targetsOf(given: readonly PurgeTargetLike[]): PurgeTarget[] {
  if (!Array.isArray(given)) throw invalid(`${show(given)} is not a list of what to purge`, "give an array: ['/a']")
  if (given.length === 0) throw invalid('nothing to purge is named', 'name URLs, paths or tags, or everything')
  const targets = new Map(given.map((one) => targetOf(one)).map((target) => [keyOf(target), target]))
  return targets.has('everything') ? [{ kind: 'everything' }] : [...targets.values()]
}

/** Equal for equal targets. */
export function keyOf(target: PurgeTarget): string {
  return target.kind === 'everything' ? 'everything' : `${target.kind} ${nameOf(target)}`
}

/** For display. */
export function nameOf(target: PurgeTarget): string {
  switch (target.kind) {
    case 'url':
      return target.url
    case 'path':
      return target.path
    case 'tag':
      return target.tag
    case 'prefix':
      return target.prefix
    case 'host':
      return target.host
    case 'everything':
      return 'everything'
  }
}

function targetOf(given: PurgeTargetLike): PurgeTarget {
  if (typeof given === 'string')
    return /^[a-z][a-z0-9+.-]*:\/\//i.test(given)
      ? { kind: 'url', url: urlOf(given) }
      : { kind: 'path', path: pathOf(given) }
  switch (given?.kind) {
    case 'url':
      return { kind: 'url', url: urlOf(given.url) }
    case 'path':
      return { kind: 'path', path: pathOf(given.path) }
    case 'tag':
      return { kind: 'tag', tag: tagOf(given.tag) }
    case 'prefix':
      return { kind: 'prefix', prefix: prefixOf(given.prefix) }
    case 'host':
      return { kind: 'host', host: hostOf(given.host) }
    case 'everything':
      return { kind: 'everything' }
    default:
      throw invalid(
        `${show(given)} is not something that can be purged`,
        `its kind is one of ${PURGE_KINDS.join(', ')}`,
      )
  }
}

function urlOf(text: string): string {
  if (typeof text !== 'string' || !URL.canParse(text))
    throw invalid(`${show(text)} is not a URL`, 'write it out: https://www.example.com/a')
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw invalid(`${show(text)} is not a web address`, 'begin with https:// or http://')
  if (url.username !== '' || url.password !== '')
    throw invalid(
      `${show(`${url.protocol}//…@${url.host}`)} contains a user name or password`,
      'leave them out: edges store answers without them',
    )
  if (text.includes('*'))
    throw invalid(
      `${show(text)} contains a *, but a URL names a single answer`,
      'purge a prefix, or write %2A for the character',
    )
  // Browsers do not send it.
  url.hash = ''
  return url.href
}

function pathOf(text: string): string {
  if (typeof text !== 'string' || text === '') throw invalid(`${show(text)} is not a path`, 'begin with a slash: /a')
  const given = text.startsWith('/') ? text : `/${text}`
  if (given.startsWith('//') || given.includes('\\'))
    throw invalid(`${show(text)} is not a path`, 'begin with a single slash, and use no backslash')
  const star = given.indexOf('*')
  if (star >= 0 && star < given.length - 1)
    throw invalid(
      `${show(text)} has a * before its end`,
      'edges support it only at the end: purge /a/*, or write %2A for the character',
    )
  const url = new URL(given, 'https://host.invalid')
  return url.pathname + url.search
}

/** What vendors accept in a list of tags separated by spaces or commas. */
function tagOf(tag: string): string {
  if (typeof tag !== 'string' || tag === '') throw invalid(`${show(tag)} is not a tag`, 'give it a name')
  if (!/^[\x21-\x2b\x2d-\x7e]+$/.test(tag))
    throw invalid(
      `the tag ${show(tag)} contains a space, a comma or a non-ASCII character`,
      'a header cannot contain it: use encodeURIComponent() on both sides',
    )
  if (tag.length > 1024)
    throw invalid(`the tag ${show(tag)} is longer than 1,024 characters`, 'edges truncate it: hash it on both sides')
  return tag
}

function prefixOf(text: string): string {
  const bare = typeof text === 'string' ? text.replace(/^https?:\/\//i, '') : ''
  if (bare === '' || bare.startsWith('/') || !URL.canParse(`https://${bare}`))
    throw invalid(
      `${showAddress(text)} is not a prefix`,
      'write the host and the beginning of the path: www.example.com/a/',
    )
  if (/[*?#]/.test(bare))
    throw invalid(`${showAddress(text)} contains a *, ? or #`, 'a prefix needs no *, and ends before the query')
  const url = new URL(`https://${bare}`)
  return url.host + url.pathname
}

function hostOf(text: string): string {
  if (typeof text !== 'string' || text === '' || /[/?#@*\s]/.test(text) || !URL.canParse(`https://${text}`))
    throw invalid(`${showAddress(text)} is not a host`, 'write only its name: www.example.com')
  return new URL(`https://${text}`).host
}

function invalid(what: string, remedy: string): CdnError {
  return new CdnError('TARGET_INVALID', `${what}: ${remedy}`)
}
