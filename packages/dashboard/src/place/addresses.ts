// How a location in the dashboard is written into the URL: as a path of its own page, or behind "#" within another
// application's page.

/** Converts between locations and URLs. */
export interface Addresses {
  /** The browser's current location: `keys/?key=a`. */
  read(): string
  /** The `href` of a link to a location. */
  href(place: string): string
  /** Shows a location in the address bar; `replace`: without a step for the browser's Back. */
  write(place: string, options?: { readonly replace?: boolean }): void
  /** Called when the browser goes back or forward. */
  onChange(listener: () => void): () => void
}

/** Paths below `base`, which ends with a slash. */
export function pathAddresses(base: string): Addresses {
  return {
    read: () => decodedBelow(base, location.pathname) + location.search,
    href: (place) => base + place,
    write: (place, { replace = false } = {}) => history[replace ? 'replaceState' : 'pushState'](null, '', base + place),
    onChange: (listener) => listenTo('popstate', listener),
  }
}

/** `#/keys/?key=a`: leaves the path and the router of the host application alone. */
export function hashAddresses(): Addresses {
  return {
    read: () => (location.hash.startsWith('#/') ? location.hash.slice(2) : ''),
    href: (place) => `#/${place}`,
    write: (place, { replace = false } = {}) => history[replace ? 'replaceState' : 'pushState'](null, '', `#/${place}`),
    onChange: (listener) => {
      const stop = [listenTo('popstate', listener), listenTo('hashchange', listener)]
      return () => stop.forEach((each) => each())
    },
  }
}

function decodedBelow(base: string, path: string): string {
  return path.startsWith(base) ? path.slice(base.length) : ''
}

function listenTo(event: 'popstate' | 'hashchange', listener: () => void): () => void {
  addEventListener(event, listener)
  return () => removeEventListener(event, listener)
}
