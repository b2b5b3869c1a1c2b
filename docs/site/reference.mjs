// A page for each name that can be imported, made by TypeDoc from the built declarations of what the packages'
// `exports` name, and what the tables of options, methods and events are made of.
// @ts-check
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Application, PageEvent, ReflectionKind, TSConfigReader } from 'typedoc'

/** @typedef {import('./uses.mjs').Name} Name */

/** @param {string} root */
export function modules(root) {
  return readdirSync(join(root, 'packages')).flatMap((folder) => {
    /** @type {{ name: string, exports?: Record<string, string | { types?: string }> }} */
    const { name, exports = {} } = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
    return Object.entries(exports).flatMap(([subpath, to]) =>
      typeof to === 'object' && to.types !== undefined
        ? [{ name: `${name}${subpath.slice(1)}`, folder, file: join(root, 'packages', folder, to.types) }]
        : [],
    )
  })
}

/**
 * Writes the pages to a folder.
 * @param {string} root @param {string} out @param {(name: string, module: string) => readonly { text: string, link:
 * string }[]} guideOf pages of the guide that use the name
 */
export async function writeReference(root, out, guideOf) {
  const wanted = modules(root)
  const app = await Application.bootstrapWithPlugins(
    {
      entryPoints: wanted.map(({ file }) => file),
      tsconfig: join(root, 'docs', 'site', 'tsconfig.json'),
      plugin: ['typedoc-plugin-markdown'],
      out,
      name: 'Reference',
      readme: 'none',
      skipErrorChecking: true,
      excludePrivate: true,
      excludeInternal: true,
      disableSources: true,
      logLevel: 'Warn',
      validation: { notDocumented: false, notExported: false, invalidLink: true },
      .../** @type {object} */ ({
        entryFileName: 'index',
        hidePageHeader: true,
        hideBreadcrumbs: true,
        outputFileStrategy: 'members',
      }),
    },
    [new TSConfigReader()],
  )
  const project = await app.convert()
  if (project === undefined || project.children?.length !== wanted.length)
    throw new Error('TypeDoc did not find every module: build first')
  const root_ = `${root.replace(/[\\/]$/, '')}/packages/`
  const byFile = new Map(
    wanted.map(({ file, name }) => [file.slice(root_.length).replace(/(\/index)?\.d\.ts$/, ''), name]),
  )
  for (const module of project.children) module.name = byFile.get(module.name) ?? module.name
  /** @type {Name[]} */
  const names = []
  const takers = takersOf(project)
  app.renderer.on(PageEvent.END, (page) => {
    const model = /** @type {any} */ (page.model)
    if (page.contents === undefined || !model.isDeclaration?.() || model.kindOf(ReflectionKind.SomeModule)) return
    const module = moduleOf(model)
    // What is taken by a function is told of where that is.
    const asked = [{ name: model.name, module }, ...(takers.get(model.name) ?? [])]
    const pages = [
      ...new Map(asked.flatMap((one) => guideOf(one.name, one.module)).map((one) => [one.link, one])).values(),
    ]
    names.push({ ...nameOf(app, model, module, page.url), guide: pages.map(({ link }) => link) })
    const guide =
      pages.length === 0 ? '' : `\n\nIn the guide: ${pages.map(({ text, link }) => `[${text}](${link})`).join(', ')}.`
    page.contents = page.contents.replace(
      /^# .*$/m,
      (title) => `${title}\n\n\`import ${isType(model) ? 'type ' : ''}{ ${model.name} } from '${module}'\`${guide}`,
    )
  })
  await app.generateOutputs(project)
  if (app.logger.hasErrors() || app.logger.hasWarnings()) throw new Error('TypeDoc found faults, see above')
  return { names, modules: wanted.map(({ name }) => name) }
}

/** The functions that take a type, by its name. @param {import('typedoc').ProjectReflection} project */
function takersOf(project) {
  /** @type {Map<string, { name: string, module: string }[]>} */
  const takers = new Map()
  for (const one of /** @type {any[]} */ (project.getReflectionsByKind(ReflectionKind.Function)))
    for (const { type } of one.signatures.flatMap((/** @type {any} */ signature) => signature.parameters ?? []))
      if (type?.type === 'reference')
        takers.set(type.name, [...(takers.get(type.name) ?? []), { name: one.name, module: moduleOf(one) }])
  return takers
}

/** @param {any} model */
const isType = (model) => model.kindOf(ReflectionKind.Interface | ReflectionKind.TypeAlias)

/** @param {any} model @returns {string} */
const moduleOf = (model) => (model.kindOf(ReflectionKind.Module) ? model.name : moduleOf(model.parent))

/**
 * @param {Application} app
 * @param {any} model
 * @param {string} module
 * @param {string} page
 * @returns {Omit<Name, 'guide'>}
 */
function nameOf(app, model, module, page) {
  const router = app.renderer.router
  const signatures = model.signatures ?? []
  const comments = [model.comment, ...signatures.map((/** @type {any} */ one) => one.comment)].filter(Boolean)
  const members = (model.children ?? []).filter((/** @type {any} */ one) => !one.kindOf(ReflectionKind.Constructor))
  return {
    name: model.name,
    kind: ReflectionKind.singularString(model.kind),
    module,
    page,
    words: wordsOf(comments[0]),
    throws: comments.map(throwsOf).join(' '),
    values: (model.type?.types ?? []).flatMap((/** @type {any} */ { value }) =>
      typeof value === 'string' ? [value] : [],
    ),
    members: members.map((/** @type {any} */ one) => ({
      name: one.name,
      kind: one.kindOf(ReflectionKind.Method) ? 'method' : 'property',
      at: router?.hasUrl(one) ? router.getFullUrl(one) : page,
      words: wordsOf(
        one.comment ??
          one.signatures?.[0]?.comment ??
          one.getSignature?.comment ??
          one.type?.declaration?.signatures?.[0]?.comment,
      ),
      throws: throwsOf(one.signatures?.[0]?.comment),
      type: typeOf(one),
    })),
  }
}

/** @param {any} member */
const typeOf = (member) => {
  const [signature] = member.signatures ?? []
  const type = member.type ?? signature?.type ?? member.getSignature?.type
  const parameters = signature
    ? `(${(signature.parameters ?? []).map((/** @type {any} */ one) => `${one.name}${one.flags.isOptional ? '?' : ''}`).join(', ')}): `
    : ''
  return `${parameters}${type?.toString() ?? ''}`
}

/** @param {any} comment */
const wordsOf = (comment) => (comment ? textOf(comment.summary) : '')
/** Text and code as they stand; of a link its words. @param {any} parts */
const textOf = (parts) =>
  parts
    .map((/** @type {any} */ part) => (part.kind === 'inline-tag' ? `\`${part.text}\`` : part.text))
    .join('')
    .replace(/\s+/g, ' ')
    .trim()

/** @param {any} comment */
const throwsOf = (comment) =>
  (comment?.blockTags ?? [])
    .filter((/** @type {any} */ { tag }) => tag === '@throws')
    .map((/** @type {any} */ { content }) => textOf(content))
    .join(' ')
