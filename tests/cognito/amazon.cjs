// Asks Amazon's own client whether tests/fixtures/srp/vectors.json is right: the same secret, salt and B must give the same A
// and the same signature.
//
//     npm install amazon-cognito-identity-js@6.3.21 && NODE_PATH=node_modules node amazon.cjs ../fixtures/srp/vectors.json

const crypto = require('crypto');
const fs = require('fs');
const AuthenticationHelper = require('amazon-cognito-identity-js/lib/AuthenticationHelper').default;
const BigInteger = require('amazon-cognito-identity-js/lib/BigInteger').default;

const { pool, timestamp, vectors } = JSON.parse(fs.readFileSync(process.argv[2]));
const poolName = pool.split('_')[1];

function signature(vector) {
  return new Promise((resolve, reject) => {
    const helper = new AuthenticationHelper(poolName);
    helper.smallAValue = new BigInteger(vector.a, 16);
    helper.largeAValue = undefined;
    helper.getLargeAValue((wrong, a) => {
      if (wrong) return reject(wrong);
      if (a.toString(16) !== vector.srp_a) return reject(new Error(`A of ${vector.shows}`));
      const [b, salt] = [vector.srp_b, vector.salt].map(hex => new BigInteger(hex, 16));
      helper.getPasswordAuthenticationKey(vector.user, vector.password, b, salt, (failed, key) => {
        if (failed) return reject(failed);
        const text = [Buffer.from(poolName), Buffer.from(vector.user), Buffer.from(vector.secret_block, 'base64'), Buffer.from(timestamp)];
        resolve(crypto.createHmac('sha256', Buffer.from(key)).update(Buffer.concat(text)).digest('base64'));
      });
    });
  });
}

(async () => {
  for (const vector of vectors) {
    if (await signature(vector) !== vector.signature) throw new Error(`signature of ${vector.shows}`);
  }
  console.log(`${vectors.length} vectors are what amazon-cognito-identity-js says`);
})();
