// Which names the pages of the guide use: where they import them from, and in inline code.
// @ts-check

/**
 * @typedef {{
 *   name: string, kind: string, module: string, page: string, words: string, throws: string,
 *   guide: readonly string[], values: readonly string[], members: readonly Member[]
 * }} Name `page` within the reference, `guide`: pages that mention it, `values`: of a type that is a list of strings
 * @typedef {{
 *   name: string, kind: 'method' | 'property', at: string, words: string, throws: string, type: string
 * }} Member
 */

/**
 * `imports` has each as `module name`.
 * @typedef {{ name: string, text: string, imports: ReadonlySet<string>, code: ReadonlySet<string> }} Page
 */

const IMPORT = /import (?:type )?\{([^}]*)\} from '(@?millpond[\w/-]*)'/g
const WORD = /[A-Za-z_$][\w$]*/g

export class Uses {
  /** @type {readonly Page[]} */
  #pages

  /** @param {readonly { name: string, text: string }[]} pages of docs/guide */
  constructor(pages) {
    this.#pages = pages.map(({ name, text }) => {
      const inline = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
      const imports = [...text.matchAll(IMPORT)].flatMap(([, list = '', module = '']) =>
        list.split(',').flatMap((one) => {
          const [imported] = one
            .trim()
            .replace(/^type /, '')
            .split(' as ')
          return imported ? [`${module} ${imported}`] : []
        }),
      )
      // One word, or a call of it; `cache.get` is not a name.
      const code = inline.flatMap((one) => /^([A-Za-z_$][\w$]*)(\(.*|=.*)?$/s.exec(one)?.[1] ?? [])
      const heading = /^# (.+)$/m.exec(text)?.[1] ?? name
      return {
        name,
        text: heading,
        imports: new Set(imports),
        code: new Set([
          ...code,
          ...inline.flatMap((one) => one.match(WORD) ?? []).filter((one) => /^[A-Z\d_]{4,}$/.test(one)),
        ]),
      }
    })
  }

  /**
   * Pages that import it, or name it in prose where no other module has one of its name.
   * @param {string} name
   * @param {string} module
   */
  pagesOf(name, module) {
    return this.#pages
      .filter(
        (page) => page.imports.has(`${module} ${name}`) || (/^[A-Z]|[a-z][A-Z]/.test(name) && page.code.has(name)),
      )
      .map((page) => ({ name: page.name, text: page.text, link: `/guide/${page.name}` }))
  }

  /** @param {string} word @returns {{ name: string, text: string, link: string }[]} as a page of tables links them */
  pagesWith(word) {
    return this.#pages
      .filter(({ code }) => code.has(word))
      .map(({ name, text }) => ({ name, text, link: `../guide/${name}` }))
  }
}
