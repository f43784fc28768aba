import { defineConfig } from 'vitepress'

/** The documentation as a site. Nothing is loaded from elsewhere: fonts are the system's. */
export default defineConfig({
  title: 'fastify-supersession',
  description: 'Sessions and errors for Fastify, in one encapsulated plugin.',
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }]],
  cleanUrls: true,
  lastUpdated: false,
  outDir: '../.site',
  cacheDir: '../.site-cache',
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [
      { text: 'Getting started', link: '/getting-started' },
      { text: 'Errors', link: '/errors' },
      { text: 'Production', link: '/production' }
    ],
    sidebar: [
      {
        text: 'Begin',
        items: [
          { text: 'Getting started', link: '/getting-started' },
          { text: 'From supertokens-node', link: '/migrate-from-supertokens' }
        ]
      },
      {
        text: 'Sessions',
        items: [
          { text: 'Sessions', link: '/sessions' },
          { text: 'Options', link: '/options' },
          { text: 'Cookies and origins', link: '/cookies-and-origins' },
          { text: 'Rotation of refresh tokens', link: '/rotation' },
          { text: 'Device binding', link: '/device-binding' },
          { text: 'Security', link: '/security' },
          { text: 'A second service', link: '/second-service' },
          { text: 'Stores', link: '/stores' }
        ]
      },
      { text: 'Errors', items: [{ text: 'Errors', link: '/errors' }] },
      {
        text: 'Recipes',
        link: '/recipes/',
        items: [
          { text: 'An app that is there already', link: '/recipes/existing-app' },
          { text: 'Single-page app', link: '/recipes/single-page-app' },
          { text: 'Server-rendered pages', link: '/recipes/server-rendered-pages' },
          { text: 'React or Next on another origin', link: '/recipes/front-end-on-another-origin' },
          { text: 'Mobile app', link: '/recipes/mobile-app' },
          { text: 'Login elsewhere (OAuth)', link: '/recipes/oauth-login' },
          { text: 'A new password', link: '/recipes/change-password' },
          { text: 'Rate limits', link: '/recipes/rate-limits' },
          { text: 'Step-up', link: '/recipes/step-up' },
          { text: 'Several tenants', link: '/recipes/tenants' },
          { text: 'WebSockets', link: '/recipes/websocket' },
          { text: 'Your own error handlers', link: '/recipes/own-error-handler' },
          { text: 'OpenAPI and Swagger UI', link: '/recipes/swagger-ui' },
          { text: 'NestJS', link: '/recipes/nestjs' },
          { text: 'Behind a proxy', link: '/recipes/behind-a-proxy' },
          { text: 'Serverless', link: '/recipes/serverless' },
          { text: 'Testing', link: '/recipes/testing' },
          { text: 'From @fastify/session', link: '/recipes/from-fastify-session' },
          { text: 'From @fastify/jwt', link: '/recipes/from-fastify-jwt' }
        ]
      },
      {
        text: 'Operation',
        items: [
          { text: 'Production', link: '/production' },
          { text: 'Operation', link: '/operation' },
          { text: 'Troubleshooting', link: '/troubleshooting' }
        ]
      },
      {
        text: 'Reference',
        link: '/reference/',
        items: [
          { text: 'fastify-supersession', link: '/reference/fastify-supersession' },
          ...[
            'errors',
            'opentelemetry',
            'stores/lmdb',
            'stores/postgres',
            'stores/redis',
            'supertokens',
            'testing',
            'verifier'
          ].map((entry) => ({ text: entry, link: `/reference/fastify-supersession/${entry}` }))
        ]
      },
      { text: 'Inside', items: [{ text: 'Architecture', link: '/architecture' }] }
    ]
  }
})
