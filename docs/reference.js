// Writes docs/reference, or another folder: a page for each entry of the package, from the TSDoc of
// what it exports. Fails where something has none.
import { readFile, rm } from 'node:fs/promises'
import { register } from 'node:module'

const [folder = 'docs/reference'] = process.argv.slice(2)

// typedoc is written against the API of TypeScript 6, which TypeScript 7 does not have.
const resolve = `export function resolve(name, context, next) {
  return next(name === 'typescript' ? 'typescript-6' : name, context)
}`
register(`data:text/javascript,${encodeURIComponent(resolve)}`)
const { Application } = await import('typedoc')

/** The source of each entry of package.json, by the name that apps import. */
async function readEntries() {
  const { name, exports } = JSON.parse(await readFile('package.json', 'utf8'))
  return Object.entries(exports)
    .filter(([, target]) => target.default !== undefined)
    .map(([path, target]) => ({
      name: path.replace('.', name),
      source: target.default.replace('./dist/', 'lib/').replace(/js$/, 'ts')
    }))
}

const entries = await readEntries()
// What several entries export is described where it belongs: errors with the errors.
const [main, errors, ...others] = entries
const ordered = [errors, main, ...others]
const app = await Application.bootstrapWithPlugins({
  name: 'Reference',
  plugin: ['typedoc-plugin-markdown'],
  entryPoints: ordered.map(({ source }) => source),
  tsconfig: 'tsconfig.build.json',
  out: folder,
  readme: 'none',
  router: 'module',
  entryFileName: 'index.md',
  classPropertiesFormat: 'table',
  disableSources: true,
  excludePrivate: true,
  excludeExternals: true,
  hideBreadcrumbs: true,
  hidePageHeader: true,
  parametersFormat: 'table',
  interfacePropertiesFormat: 'table',
  typeDeclarationFormat: 'table',
  validation: { notExported: false, invalidLink: true, notDocumented: true },
  requiredToBeDocumented: ['Function', 'Class', 'Interface', 'TypeAlias', 'Variable']
})
const project = await app.convert()
for (const module of project.children) {
  const isIts = ({ source }) => source.replace(/^lib\/|(?:\/index)?\.ts$/g, '') === module.name
  module.name = entries.find(isIts).name
}
app.validate(project)
await rm(folder, { recursive: true, force: true })
await app.generateOutputs(project)
process.exitCode = Number(app.logger.hasErrors() || app.logger.hasWarnings())
