// Reads a JSON list of {secret, body, headers} and prints for each whether the npm package accepts it.
const { Webhook } = require("standardwebhooks");

function accepts({ secret, body, headers }) {
  try {
    new Webhook(secret).verify(body, headers);
    return true;
  } catch {
    return false;
  }
}

const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
console.log(JSON.stringify(asked.map(accepts)));
