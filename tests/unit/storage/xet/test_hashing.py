"""Every vector of xet.md section 12."""

import hashlib
import struct
from dataclasses import dataclass

import pytest

from pioche.errors import BadRequest
from pioche.storage.xet import hashing
from tests import xet_client
from tests.xet_client import make


@dataclass
class Vector:
    data: bytes
    sha256: str
    file: str
    xorb: str
    range: str
    lengths: list[int]
    """Chunk lengths, or the first of them."""


_A = make("xet-a", 1_000_000)
_LENGTHS_A = [131072, 9559, 116041, 131072, 14823, 76276, 29608, 54022, 40419, 56680, 131072, 105874, 103482]
VECTORS = {
    "one byte": Vector(
        b"a",
        "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb",
        "49a7fffaf5f34109d4a191757f3e541e26437dcd1e0e83153454a503757856be",
        "a4d4ed80fcb2fe5177fc59321d3e6f90faf23e35a48d58303114bf073f34178a",
        "1856127f86e6e067d17ce895d84d9963bd53565e566fc0be2a8cee4cf198e63c",
        [1],
    ),
    "hello": Vector(
        b"hello xet\n",
        "246d1cb92a3ae0d7fd3325ee4edc1af12887ab713b5de3be864b317b8c9c984a",
        "1ba2068e20e8f365c75a17600ea73d49e617acd2222894a20db100d0032b4e22",
        "24a33e1db68b4969c9293aa5b4dfc314faeff85f23b10e77124ea59d49e7caa1",
        "5c5b89a8cd3fb211ce798f8f09dff5542ca759c540b9831d783a36ca229a177e",
        [10],
    ),
    "8191": Vector(
        _A[:8191],
        "91bd3cee91db4cde673844549e09a10cd1b66d7120586bea2b1856d329dc6d6b",
        "4c73287446300e9bd6b681aee474d498a5e641b41d6326dd85ee84038b06b56e",
        "36165fc432e8c020c34ab91a25e9b2129f4d6e473937c9683065ac6cde75394a",
        "f5dfa88a1a41faa74ce0599c8c711b00741efffb5430e013ad9877b3f65bb6f7",
        [8191],
    ),
    "8192": Vector(
        _A[:8192],
        "a19ee1d6142b2f45031b4b0e0b9c36d2643b4682a45b8ad9009a944af42bffd9",
        "7c5a69b934e3748299a69bd68da93493c9b0b8293c5ce5f25c6affe47d0b307d",
        "c98133c7aa8be546ec43e75ef1458a879fddd09b11e5eafeeb31b3f096918b1e",
        "d2e07f4cf84d9130ce98f5a5fc32e8cb78202329f99675e513d73bf3ebe686ab",
        [8192],
    ),
    "131072": Vector(
        _A[:131072],
        "af7ce9137d885b2aaad98254bbe28bbcf45a65c2d58d27e579a53274488d9666",
        "85ef9aa931e245a80a33aee9d59f81920a3750870541ff1dbd94f0a24c3ad50b",
        "89e9d1f5d222b8ebed0c1fdfddfd19fc13fe3fbe81d26ff1038bcefce64df01b",
        "521c4af34a073670db5e48f616eb95995cf1382d9761f492181d47b3bac11066",
        [131072],
    ),
    "1000000": Vector(
        _A,
        "bd6704f9fefefee332efafcff25b0e69d8ec1a0a548e38a658b29fc383134382",
        "91aa9c68d10f97b9934b0da21b0e839d320538a8adb6ef322d9cf1b1110f0984",
        "1513b3729e7ad82717728e1899dae45cb67808797870346eae88edb3a923039a",
        "03e4f46b1252290663ef29b18bdc9a58dfe94406d7aa08900cf41d9f46af4bee",
        _LENGTHS_A,
    ),
    "10000000": Vector(
        make("xet-b", 10_000_000),
        "0e8a0f81f2713a6a63dc448fcbc44c58db048d8fb08cde0428aed407ce019aa6",
        "19edf1c328dd1dd841ce2afd73fcbf5038c207cdec9c4ca1be989c59935f2d00",
        "b09886e5b72cc8be6eb726a3b816f62f2da409d95c31d0e1be42b2af9e9e7f5f",
        "62049fa9ffa85eda199998b0680c30ce7e02619f3795cfd2521218f2f6dd65df",
        [38571, 10589, 35757, 122512, 103246, 16674, 22436, 10582, 37597, 8821, 11757, 39782],
    ),
    "zeros": Vector(
        bytes(1_000_000),
        "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025",
        "c0c85185f4307d40facfd366573176e54fc9c76041e44e32d52489780a6d1eaa",
        "66df762464541c4b4525314f0cb292f49017a961ce8c95b5a2ced973fdbf7527",
        "150d441cf2491db321a0f87bc92f5e5075569b7ecc86dc19c1ff1e04867ae934",
        [131072] * 7 + [82496],
    ),
    "zeros of one chunk": Vector(
        bytes(131072),
        "fa43239bcee7b97ca62f007cc68487560a39e19f74f3dde7486db3f98df8e471",
        "7a7c18448d7ae35cc61c072281981c565fedb8a079b42c6ef4a0c846bb78c50d",
        "2e39f13c248013b27e22913ba2893a654120ed0ad8eb7ecbf3f05b9d708634fc",
        "14c0d0abd6d31b93186f33741159e5c82fc804f6384a98b090b099796897e601",
        [131072],
    ),
    "insertion": Vector(
        _A[:500_000] + make("xet-c", 1000) + _A[500_000:],
        "06f2c7d8acfe5426a5587915c5c10c90bd6c8b45286b84da23fcf558dcbc38c2",
        "6b2327f82a19cf72dc93f829012e900aeaa284d7fdfd831e14b05047db18e964",
        "2ef6a605528862390d0a1e2bb0e47d6aa5b0702c113bbe52b4108f4618910729",
        "664c94f079118a7a27ce2cf26ea756d046eb1efa921689303e5f28260080a492",
        [*_LENGTHS_A[:6], 30608, *_LENGTHS_A[7:]],
    ),
    "pattern": Vector(
        bytes(range(256)) * 4000,
        "062af9ccd890ba3d067ca7150278bcc420069bd82f6e41161029303dfd6d661e",
        "c3b40e7f2880d770f66c9be868d52f7eff2a0edb7d32bb08c281ac6bab7d7415",
        "eac3a46f5a2c62f8566b44e5b7000951a1990f8c9e20a694569f7ea81daa6b0b",
        "32b994b046724043a755a42be36eedd699d75028823e90be179d505bd9d8ff7e",
        [131072] * 7 + [106496],
    ),
}

CHUNKS_OF_A = """
89e9d1f5d222b8ebed0c1fdfddfd19fc13fe3fbe81d26ff1038bcefce64df01b 3
097573578d1142b567ddfb12021ed2228655d44192c220cc458203d186286795 1
15b25762ab12ab598d36f9874f2da28b6a6ab89252c89d07be22f02e88a517fb 3
d5143496f0917a8e9d7a485e08fa792dae5b4a586b21e9671709e7996974e256 2
b58b271b137405f49c4c76f888de83498ab07d4ff437f4aafd480dc45c2c509c 0
49b09716f90e530ee339bf13a8ce7ef3d1701475c453fd7b929f3f7f9e1c90bb 3
4654f9322ab74acce4c070f0c922cdfde35d3ca24a96b7a640a0d976d90bde08 0
1840103a5ef4363cca78a455bcf182f0ae1038391f96814b46eea9f69953ca2f 3
8d0eecf52328648e8fa443ce41963e7ff31bb2349a09a8b11578444b6a1c6268 0
2b19868cf519f9fe8340372881e42e55d10d79906e9e7913a9bb1fffca4f0ef9 1
4312ebea49c0c6200a1135cdc103ed520bb189ee042b3e111a2a56e3255d0824 0
a82d8384dcf725a7a8cfb2eae1b8edae26800e78829b5f439815bf6401763e94 0
54ab310a77066ae733238c325976f1243d86b5764b3b14f7bef39968d35fc5dd 1
""".split()

TREES_OF_ONE_BYTE_CHUNKS = {
    1: "df93298cdbf67cd507aed28d6290c0cf7f9aa0aa88dfa629cffcf98680659410",
    2: "6aeace75450ea8e1e1268780478e2923400ab012dd019afd50c2499b3648f580",
    3: "741142d907f102c42e4737e7743d4fb6c606eba87a40764a946c70e0d5b9d32c",
    4: "fb69df85b99978baa5b71a0bc3a5e2ffab040416d86702ac79bafb25f3eba422",
    9: "314080027c6a713e6384ab2b8c78041e8b7c25ca1ba1e748bb855e72ec25bc1c",
    10: "020eeaea61f1704bc884fdf290ac914997bc40315f4c4c95fa984cdbca347245",
    20: "66fc37019f244e74e857c7a1fdf380598fbc16263e500d25eacaef7377ea7a1f",
}


@pytest.mark.parametrize("name", VECTORS)
def test_vector(name: str) -> None:
    vector = VECTORS[name]
    assert hashlib.sha256(vector.data).hexdigest() == vector.sha256
    chunks = xet_client.chunk(vector.data)
    assert name != "10000000" or len(chunks) == 165
    lengths = [len(chunk) for chunk in chunks]
    assert lengths[: len(vector.lengths)] == vector.lengths
    hashes = b"".join(map(hashing.chunk_hash, chunks))
    assert hashing.to_text(hashing.xorb_hash(hashes, lengths)) == vector.xorb
    assert hashing.to_text(hashing.range_hash(hashes)) == vector.range
    tree = hashing.Tree()
    tree.add(hashes, lengths)
    assert hashing.to_text(hashing.file_hash(tree)) == vector.file


def test_empty_file() -> None:
    assert hashing.file_hash(hashing.Tree()) == bytes(32)


def test_chunks_and_their_remainders() -> None:
    hashes = [hashing.chunk_hash(chunk) for chunk in xet_client.chunk(_A)]
    assert [hashing.to_text(h) for h in hashes] == CHUNKS_OF_A[::2]
    assert [hashing.modulo(h, 4) for h in hashes] == list(map(int, CHUNKS_OF_A[1::2]))
    part = b"".join(hashes[3:7])
    assert (
        hashing.to_text(hashing.range_hash(part)) == "e0092c4ba43826eed0b922661b24e552a6132dc64b323b078aae6d15160b862a"
    )


@pytest.mark.parametrize("count", TREES_OF_ONE_BYTE_CHUNKS)
def test_tree_of_one_byte_chunks(count: int) -> None:
    hashes = b"".join(hashing.chunk_hash(bytes([i])) for i in range(count))
    assert hashing.to_text(hashing.xorb_hash(hashes, [1] * count)) == TREES_OF_ONE_BYTE_CHUNKS[count]


def test_tree_grows_in_any_portions() -> None:
    hashes = b"".join(hashing.chunk_hash(bytes([i % 256, i // 256])) for i in range(700))
    whole = hashing.xorb_hash(hashes, [2] * 700)
    tree = hashing.Tree()
    for i in range(0, 700, 7):
        tree.add(hashes[32 * i : 32 * (i + 7)], [2] * 7)
    assert tree.root() == whole


def test_text_form() -> None:
    raw = bytes(range(32))
    text = "07060504030201000f0e0d0c0b0a090817161514131211101f1e1d1c1b1a1918"
    assert hashing.to_text(raw) == text
    assert hashing.from_text(text) == raw


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "0" * 63 + "G", "A" * 64, "0" * 64 + "\n", "٠" * 64])
def test_text_that_is_no_hash(text: str) -> None:
    with pytest.raises(BadRequest):
        hashing.from_text(text)


def test_sha256_record_is_swapped() -> None:
    record = bytes.fromhex("d7e03a2ab91c6d24f11adc4eee2533fdbee35d3b71ab87284a989c8c7b314b86")
    assert hashing.sha256_of_record(record) == hashlib.sha256(b"hello xet\n").hexdigest()
    assert hashing.record_of_sha256(hashing.sha256_of_record(record)) == record


def test_gear_table_of_the_client() -> None:
    table = struct.pack("<256Q", *xet_client.GEAR)
    assert hashlib.sha256(table).hexdigest() == "e1d3936666d7ae7a977c958e9afcc75f90aaca758ce5fbe4ece61dffefe1912c"
