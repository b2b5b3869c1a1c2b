// The names of @nestjs/cache-manager, of `millpond/nest`. Each application has a cache of its own.
import { createCache } from 'millpond'
import { MillpondModule } from 'millpond/nest'

export { CacheInterceptor, CacheKey, CacheTTL } from 'millpond/nest'
export const CacheModule = { register: () => MillpondModule.forRootAsync({ useFactory: () => createCache() }) }
