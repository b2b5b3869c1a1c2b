// The examples in one process, each as it stands: servers stay until SIGTERM, programs say their line and are over.
import { pathToFileURL } from 'node:url'

process.env.PORT = '0'
for (const file of process.argv.slice(2)) await import(pathToFileURL(file).href)
