// A service with a method that one decorator caches and another invalidates.
import 'reflect-metadata'
import { Injectable, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { createCache } from 'millpond'
import { Cached, InvalidateTags, MillpondModule } from 'millpond/nest'

@Injectable()
class Deals {
  reads = 0
  #stages = new Map([[7, 'lead']])

  @Cached<[id: number]>({ ttl: '10m', tags: ([id]) => [`deal:${id}`] })
  async stage(id: number): Promise<string | null> {
    this.reads++
    return this.#stages.get(id) ?? null
  }

  @InvalidateTags<[id: number]>(([id]) => [`deal:${id}`])
  async move(id: number, stage: string): Promise<void> {
    this.#stages.set(id, stage)
  }
}

const cache = createCache({ name: 'shop' })
@Module({ imports: [MillpondModule.forRoot(cache)], providers: [Deals] })
class AppModule {}

const app = await NestFactory.createApplicationContext(AppModule, { logger: false })
const deals = app.get(Deals)
await Promise.all([deals.stage(7), deals.stage(7)])
await deals.move(7, 'won')
console.log(`nest ${await deals.stage(7)} after ${deals.reads} reads`) // won after 2 reads
await app.close()
await cache.close()
