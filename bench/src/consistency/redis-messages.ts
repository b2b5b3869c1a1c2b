// Redis pub/sub as the message provider that cacheable's sync asks for: publish in JSON, one connection to publish and
// one to listen, by the same client that its Redis store uses. Stands in for `@qified/redis`, which brings a second
// major version of that client.
import { createClient } from '@keyv/redis'

interface Message {
  readonly id: string
  readonly data: unknown
}

interface Handler {
  readonly id?: string
  readonly handler: (message: Message & { providerId: string }) => Promise<void>
}

export interface RedisMessages {
  id: string
  subscriptions: Map<string, Handler[]>
  publish(topic: string, message: Message): Promise<void>
  subscribe(topic: string, handler: Handler): Promise<void>
  unsubscribe(topic: string): Promise<void>
  disconnect(): Promise<void>
}

/** Resolves when both connections stand. */
export async function redisMessages(url: string): Promise<RedisMessages> {
  const id = 'redis'
  const publisher = createClient({ url })
  const listener = createClient({ url })
  for (const client of [publisher, listener]) client.on('error', () => undefined)
  await Promise.all([publisher.connect(), listener.connect()])
  const subscriptions = new Map<string, Handler[]>()
  return {
    id,
    subscriptions,
    async publish(topic, message) {
      await publisher.publish(topic, JSON.stringify({ ...message, providerId: id }))
    },
    async subscribe(topic, handler) {
      const known = subscriptions.get(topic)
      if (known !== undefined) {
        known.push(handler)
        return
      }
      const handlers = [handler]
      subscriptions.set(topic, handlers)
      await listener.subscribe(topic, (text: string) => {
        const message: Message & { providerId: string } = JSON.parse(text)
        for (const one of handlers) void one.handler(message)
      })
    },
    async unsubscribe(topic) {
      subscriptions.delete(topic)
      await listener.unsubscribe(topic)
    },
    async disconnect() {
      publisher.destroy()
      listener.destroy()
    },
  }
}
