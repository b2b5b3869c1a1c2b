// The OpenAPI 3.1 document, generated from the schemas that validate requests.
import { z } from 'zod'
import { isProposable } from './proposable.ts'
import type { Answer, Route } from './route.ts'

const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: z.string(),
  detail: z.string(),
  request_id: z.string(),
  errors: z.array(z.object({ pointer: z.string(), code: z.string(), detail: z.string() })).optional(),
})

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): unknown => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' })
  return rest
}

export function openApi(routes: readonly Route[], base: string, version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of routes) {
    const path = `${route.base ?? base}/${route.path}`
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Millpond admin API',
      version,
      description: 'The trailing slash of a path is optional. Unknown fields are rejected.',
    },
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      responses: {
        Problem: {
          description: 'Refused (RFC 9457)',
          content: { 'application/problem+json': { schema: schemaOf(problem, 'output') } },
        },
      },
    },
    security: [{ bearer: [] }],
  }
}

function operation(route: Route): Record<string, unknown> {
  const inPath = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  return {
    operationId: `${route.method.toLowerCase()}_${route.path.replaceAll(/[^\w]+/g, '_').replace(/_$/, '')}`,
    summary: route.summary,
    description: route.scope === 'any' ? 'For every signed-in user.' : `Needs the permission \`${route.scope}\`.`,
    'x-permission': route.scope,
    ...(isProposable(route) && { 'x-proposable': true }),
    parameters: [...inPath, ...(route.query === undefined ? [] : parameters(route.query))],
    ...(route.body === undefined
      ? {}
      : {
          requestBody: { required: false, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } },
        }),
    responses: {
      ...Object.fromEntries(Object.entries(route.answers).map(([status, answer]) => [status, response(answer)])),
      default: { $ref: '#/components/responses/Problem' },
    },
  }
}

const response = ({ description, schema }: Answer): unknown => ({
  description,
  ...(schema === undefined ? {} : { content: { 'application/json': { schema: schemaOf(schema, 'output') } } }),
})

function parameters(query: z.ZodType): unknown[] {
  const { properties = {}, required = [] } = z.toJSONSchema(query, { io: 'input', unrepresentable: 'any' })
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }))
}
