// The receiver of webhooks that textme is measured beside: Fastify and pg, written
// to be fast. It checks Twilio's signature and leaves one message and one reply
// behind, by prepared statements, and nothing else: no event, no look-up, no queue.
// KEEPS says how: in a transaction, as most write it, or in a single statement,
// which is the least that can be done.
import cluster from 'node:cluster'
import { createHmac, timingSafeEqual } from 'node:crypto'
import formbody from '@fastify/formbody'
import fastify from 'fastify'
import pg from 'pg'

const { DATABASE_URL, PUBLIC_URL, TWILIO_AUTH_TOKEN, PROCESSES, KEEPS } = process.env
const path = '/webhooks/twilio/conversations'
const connections = 17 // as many as textme gives webhooks

const hear = `INSERT INTO peer_messages (message_sid, conversation_sid, index, author, body, twilio_at)
  VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (message_sid) DO NOTHING RETURNING message_sid`
const answer = 'We are open Mon-Fri 9-6.'

// keeps are the ways to keep a text and its reply. A repeated text gets none.
const keeps = {
  async statement(pool, values) {
    const text = `WITH heard AS (${hear}) INSERT INTO peer_replies (message_sid, body) SELECT message_sid, $7 FROM heard`
    await pool.query({ name: 'both', text, values: [...values, answer] })
  },
  async transaction(pool, values) {
    const client = await pool.connect()
    let broken
    try {
      await client.query({ name: 'begin', text: 'BEGIN' })
      const heard = await client.query({ name: 'hear', text: hear, values })
      if (heard.rowCount > 0) {
        const text = 'INSERT INTO peer_replies (message_sid, body) VALUES ($1, $2)'
        await client.query({ name: 'reply', text, values: [values[0], answer] })
      }
      await client.query({ name: 'commit', text: 'COMMIT' })
    } catch (err) {
      broken = err
      throw err
    } finally {
      client.release(broken)
    }
  },
}

// genuine reports whether the signature is Twilio's
// (https://www.twilio.com/docs/usage/security#validating-requests).
function genuine(signature, params) {
  const mac = createHmac('sha1', TWILIO_AUTH_TOKEN).update(PUBLIC_URL + path)
  for (const name of Object.keys(params).sort()) mac.update(name).update(params[name])
  const want = mac.digest()
  const got = Buffer.from(signature ?? '', 'base64')
  return got.length === want.length && timingSafeEqual(got, want)
}

async function serve() {
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: Math.ceil(connections / PROCESSES) })
  const app = fastify()
  await app.register(formbody)
  app.post(path, async (request, reply) => {
    const p = request.body
    if (!genuine(request.headers['x-twilio-signature'], p)) return reply.code(403).send()
    await keeps[KEEPS](pool, [p.MessageSid, p.ConversationSid, p.Index, p.Author, p.Body, p.DateCreated])
    return reply.code(204).send()
  })
  // Workers of one cluster that ask for port 0 share one port.
  return app.listen({ host: '127.0.0.1', port: 0, listenTextResolver: (address) => address })
}

if (cluster.isPrimary) {
  const addresses = []
  for (let i = 0; i < Number(PROCESSES); i++) {
    cluster.fork().on('message', (address) => {
      addresses.push(address)
      if (addresses.length === Number(PROCESSES)) console.log(address)
    })
  }
  process.on('SIGTERM', () => cluster.disconnect(() => process.exit()))
} else {
  process.send(await serve())
  process.on('SIGTERM', () => {}) // the primary sees to the end
}
