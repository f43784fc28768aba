const api = { target: 'http://localhost:3000', changeOrigin: false }

export default {
  server: { proxy: { '/api': api, '/auth': api } }
}
