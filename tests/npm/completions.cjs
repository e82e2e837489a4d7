// The official OpenAI client against a gateway.
// stdin: { baseURL, calls: [body] }   stdout: [{ requests, chunks: [object], completion: object, error: { type, status, code, param, message } }]
// requests counts what the client sent: it repeats what it takes for passing failures.
const { readFileSync } = require('node:fs');
const { OpenAI } = require('openai');

async function main() {
  const { baseURL, calls } = JSON.parse(readFileSync(0, 'utf8'));
  const results = [];
  for (const body of calls) {
    const result = { requests: 0, chunks: [] };
    const counting = (...request) => {
      result.requests++;
      return fetch(...request);
    };
    const client = new OpenAI({ baseURL, apiKey: 'unused', fetch: counting });
    try {
      const answer = await client.completions.create(body);
      if (!body.stream) result.completion = answer;
      else for await (const chunk of answer) result.chunks.push(chunk);
    } catch (error) {
      const { status, code, param, message } = error;
      result.error = { type: error.constructor.name, status, code, param, message };
    }
    results.push(result);
  }
  process.stdout.write(JSON.stringify(results));
}

main();
