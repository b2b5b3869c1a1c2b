# The deals service from this repository. Build it from the repository's root: docker build -f deploy/deals.Dockerfile .
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY . .
RUN npm ci --no-audit --no-fund && node node_modules/typescript/bin/tsc -b apps/deals packages/cli && node packages/dashboard/build.mjs

FROM node:22-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app /app
RUN mkdir /data && chown node /data
USER node
VOLUME /data
EXPOSE 8080 8081
ENTRYPOINT ["node", "apps/deals/dist/main.js"]
