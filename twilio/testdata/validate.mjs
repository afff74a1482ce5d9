// Says of each request on standard input, one JSON object per line, whether
// Twilio's Node SDK takes it for genuine. Prints a JSON array of booleans.
import twilio from "twilio";
import querystring from "node:querystring";
import readline from "node:readline";

const verdicts = [];
for await (const line of readline.createInterface({ input: process.stdin })) {
  const { Base, Target, Body, Signature } = JSON.parse(line);
  // The parser of Node itself, without its limit of 1000 fields.
  const params = querystring.parse(Body, "&", "=", { maxKeys: 0 });
  verdicts.push(twilio.validateRequest(process.env.TOKEN, Signature, Base + Target, params));
}
process.stdout.write(JSON.stringify(verdicts));
