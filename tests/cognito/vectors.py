"""Makes tests/fixtures/srp/vectors.json: handshakes as pycognito computes them, with values that need each kind of padding.

    python vectors.py > ../fixtures/srp/vectors.json

pycognito is the client (its own hashes, padding and numbers; only its secret exponent is replaced). The server's part is two
lines of Python's integers below: B = k*v + g^b. Values are drawn until each kind has come.
"""

import base64
import json
import random

from pycognito import aws_srp

draw = random.Random(20261121)
POOL = "eu-west-1_AbCdEfGhI"
TIME = "Sat Sep 5 10:00:00 UTC 2026"


class Fixed(aws_srp.datetime.datetime):
    @classmethod
    def utcnow(cls):
        return cls(2026, 9, 5, 10, 0, 0)


class Module:
    datetime = Fixed


aws_srp.datetime = Module


def handshake(user, password, a, b, salt):
    client = aws_srp.AWSSRP(username=user, password=password, pool_id=POOL, client_id="x", client=object())
    client.small_a_value = a
    client.large_a_value = client.calculate_a()
    inner = aws_srp.hash_sha256(f"{POOL.split('_')[1]}{user}:{password}".encode())
    x = int(aws_srp.hex_hash(aws_srp.pad_hex(salt) + inner), 16)
    v = pow(client.val_g, x, client.big_n)
    big_b = (client.val_k * v + pow(client.val_g, b, client.big_n)) % client.big_n
    secret_block = base64.b64encode(draw.randbytes(48)).decode()
    challenge = {
        "USERNAME": user,
        "USER_ID_FOR_SRP": user,
        "SALT": f"{salt:x}",
        "SRP_B": f"{big_b:x}",
        "SECRET_BLOCK": secret_block,
    }
    answer = client.process_challenge(challenge, client.get_auth_params())
    assert answer["TIMESTAMP"] == TIME, answer["TIMESTAMP"]
    u = aws_srp.calculate_u(client.large_a_value, big_b)
    shared = pow(big_b - client.val_k * v, a + u * x, client.big_n)
    return {
        "user": user,
        "password": password,
        "a": f"{a:064x}",
        "b": f"{b:064x}",
        "srp_a": client.get_auth_params()["SRP_A"],
        "salt": f"{salt:x}",
        "srp_b": f"{big_b:x}",
        "secret_block": secret_block,
        "signature": answer["PASSWORD_CLAIM_SIGNATURE"],
    }, {"salt": (salt, 128), "u": (u, 256), "srp_a": (client.large_a_value, 3072), "srp_b": (big_b, 3072), "shared": (shared, 3072)}


def kinds(values):
    for name, (value, bits) in values.items():
        if value >> (bits - 1):
            yield f"{name}: top bit set"
        if value >> (bits - 4) == 0 and value >> (bits - 8):
            yield f"{name}: odd number of digits"
        if value >> (bits - 8) == 0 and value >> (bits - 9):
            yield f"{name}: leading zero byte, then the top bit"
        if value >> (bits - 8) == 0 and value >> (bits - 9) == 0:
            yield f"{name}: leading zero byte"


def main():
    vectors, wanted = [], {f"{name}: {kind}" for name in ("salt", "u", "srp_a", "srp_b", "shared") for kind in (
        "top bit set", "odd number of digits", "leading zero byte, then the top bit", "leading zero byte")}
    forced = [
        ("a is 1", 1, None, None), ("a is 2^256 - 1", 2**256 - 1, None, None), ("b is 1", None, 1, None),
        ("b is 2^256 - 1", None, 2**256 - 1, None), ("the salt is 1", None, None, 1), ("the salt is 0x80", None, None, 0x80),
        ("the salt is 2^128 - 1", None, None, 2**128 - 1),
    ]
    names = [("rpi-1", "correct horse battery staple"), ("Zürich", "pässwörd 東京"), ("a", ":"), ("sys_4.x", "x" * 256)]
    number = 0
    while wanted or forced:
        why, a, b, salt = forced.pop(0) if forced else ("", None, None, None)
        a = draw.getrandbits(256) if a is None else a
        b = draw.getrandbits(256) if b is None else b
        salt = draw.getrandbits(128) if salt is None else salt
        made, values = handshake(*names[number % len(names)], a, b, salt)
        found = sorted(wanted & set(kinds(values)))
        if why or found:
            wanted -= set(found)
            vectors.append({"shows": "; ".join(([why] if why else []) + found), **made})
            number += 1
    print(json.dumps({"pool": POOL, "timestamp": TIME, "vectors": vectors}, indent=1, ensure_ascii=False))


main()
