// What the component refuses: a host in JavaScript is told at the first render which prop is wrong.
import { describe, expect, it } from 'vitest'
import { pathAddresses } from '../src/place/addresses.ts'
import { checkProps } from '../src/props.ts'

describe('the props of the dashboard', () => {
  it.each([
    [{}],
    [{ apiBaseUrl: '/api', fetcher: fetch, auth: () => ({}), onNavigate: () => {}, readOnly: true, isPage: false }],
    [{ pages: ['keys', 'invalidate', ''], initialRange: '7d', refreshHz: 4, theme: 'dark', redact: 'names' }],
    [{ isolate: 'shadow', nonce: 'abc', tokens: { accent: 'red', 'radius-1': '2px', font: undefined } }],
    [
      {
        locale: 'de-AT',
        timeZone: 'Asia/Tokyo',
        environment: { label: 'production', color: 'red' },
        addresses: pathAddresses('/ops/'),
      },
    ],
    [{ locale: undefined, pages: undefined, environment: { label: 'x', color: undefined } }],
  ])('takes %o', (props) => {
    expect(() => checkProps(props)).not.toThrow()
  })

  it.each([
    [{ apiBaseURL: '/api' }, /unknown option "CachingDashboard.apiBaseURL": did you mean "apiBaseUrl"\?/],
    [{ apiBaseUrl: 5 }, /CachingDashboard.apiBaseUrl: 5 is not allowed: give an address such as/],
    [{ fetcher: '/api' }, /CachingDashboard.fetcher: "\/api" is not allowed: give a function like fetch/],
    [{ auth: { Authorization: 'Bearer x' } }, /CachingDashboard.auth: .* give a function that returns headers/],
    [{ pages: 'keys' }, /CachingDashboard.pages: "keys" is not allowed: give a list of keys, why,/],
    [{ pages: ['kyes'] }, /CachingDashboard.pages: \["kyes"\] is not allowed/],
    [{ initialRange: '2h' }, /CachingDashboard.initialRange: "2h" is not allowed: give '5m' or '15m'/],
    [{ refreshHz: 10 }, /CachingDashboard.refreshHz: 10 is not allowed: give a number from 1 to 4/],
    [{ refreshHz: Number.NaN }, /CachingDashboard.refreshHz: NaN/],
    [{ readOnly: 'yes' }, /CachingDashboard.readOnly: "yes" is not allowed: give true or false/],
    [{ theme: 'blue' }, /CachingDashboard.theme: "blue" is not allowed: give 'light' or 'dark' or 'system'/],
    [
      { tokens: { accnt: 'red' } },
      /CachingDashboard.tokens: \{"accnt":"red"\} is not allowed: give an object of texts, with names among page,/,
    ],
    [{ isolate: 'iframe' }, /CachingDashboard.isolate: "iframe" is not allowed: give 'none' or 'shadow'/],
    [{ locale: 'english please' }, /CachingDashboard.locale: "english please" is not allowed: give a language tag/],
    [
      { timeZone: 'Mars/Olympus' },
      /CachingDashboard.timeZone: "Mars\/Olympus" is not allowed: give the name of a time zone/,
    ],
    [{ onNavigate: true }, /CachingDashboard.onNavigate: true/],
    [
      { environment: 'production' },
      /CachingDashboard.environment: "production" is not allowed: give an object such as/,
    ],
    [{ environment: { color: 'red' } }, /CachingDashboard.environment/],
    [{ redact: true }, /CachingDashboard.redact: true is not allowed: give 'none' or 'names'/],
    [{ addresses: '/ops/' }, /CachingDashboard.addresses: "\/ops\/" is not allowed: give the result of pathAddresses/],
    [{ isPage: 1 }, /CachingDashboard.isPage: 1/],
  ])('refuses %o', (props, why) => {
    expect(() => checkProps(props)).toThrow(why)
  })
})
