# Rollcall without a nats-server: point NATS_URL at one. docker-compose.yml puts the two together.
# The container's command is a command of `rollcall`: worker, api, or any other (`docker compose run --rm worker doctor`).
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npx tsc -p tsconfig.json && npm prune --omit=dev

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app/package.json /app/nats.conf /app/LICENSE /app/NOTICE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/config ./config
COPY --from=build /app/examples ./examples
COPY --from=build /app/dist ./dist
USER node
# Without a shell or npm between: SIGTERM reaches the process that drains.
ENTRYPOINT ["node", "dist/cmd/rollcall.js"]
CMD ["worker"]
