# The broker's image: `docker build -t mayfly .`
# It stands at the top, where `docker build .` looks for it; what runs around it is in docker-compose.yml and deploy/.
ARG NODE=20

FROM node:${NODE}-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
RUN npm run build

# Beside the build and not after it: neither waits for the other, and no package of the build can stay behind.
FROM node:${NODE}-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM node:${NODE}-bookworm-slim
# Nothing below /app is the broker's to change; an embedded store's file and its seal key belong in /var/lib/mayfly.
RUN install -d -o 1000 -g 1000 -m 700 /var/lib/mayfly && ln -s /app/dist/cli/mayfly.js /usr/local/bin/mayfly
COPY --from=dependencies /app/node_modules /app/node_modules
COPY --from=build /app/dist /app/dist
COPY config /app/config
COPY package.json /app/package.json
ENV NODE_ENV=production MAYFLY_CONFIG=/etc/mayfly/mayfly.yaml
WORKDIR /var/lib/mayfly
# The base image's user `node`, by number: Kubernetes' runAsNonRoot cannot tell who a name is.
USER 1000:1000
EXPOSE 8420
# Ready means that the store takes writes. Where `listen` has another port, give another check.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8420/readyz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Node becomes process 1 and takes SIGTERM itself, so there is no init in between.
ENTRYPOINT ["mayfly"]
CMD ["serve"]
