#!/usr/bin/env python3
"""Makes common/trust/confusables.inc: what each character looks like to somebody who glances at it.

    scripts/confusables.py >common/trust/confusables.inc

The facts come from ICU (Debian's libicu), which carries the confusables of Unicode Technical Standard 39, and
the decompositions and foldings of the Unicode Character Database. Its version of Unicode is named in the table.
What stands below is added to them: ICU has no table of styled alphabets that are in use, and tells apart what
a glance does not.
"""

import ctypes
import glob
import re
import sys

# Of Unicode, which the oldest libunistring that is met knows.
LIBRARY_AGE = 9

# What a glance takes for each other, before anything else counts.
FIRST = {"0": "o", "1": "i", "l": "i", "|": "i", "m": "rn", "w": "vv"}
FIRST.update(zip("ᴀʙбвьϲϹᴅᴇꜰɢʜнʟᴊᴋĸᴍмɴ℘ᴘʀгГʁſᴛтз", "abbbbccdefghhljkkmmnpprrrrstt3"))

# What is like an English letter although UTS 39 does not say so: alphabets that are used as styles, and emoji.
FURTHER = {}
for letters, like in [
        ("ᗩᗷᑕᗪᖴᕼᒍᒪᗰᑎᗝᑭᑫᖇᔕᑌᐯᗯ᙭ᘔ", "abcdfhjlmnopqrsuvwxz"),  # Canadian syllabics
        ("ᏴᏰᏟᎬᎻᏆᏞᎾᏫᏻᎢ", "bbcehtloout"),  # Cherokee
        ("ⲁⲃⲅⲉⲏⲓⲕⲙⲛⲟⲣⲥⲧⲩⲭⲍ", "abrehikmnopctyxz"),  # Coptic
        ("𐌀𐌁𐌂𐌃𐌄𐌅𐌇𐌉𐌊𐌋𐌌𐌍𐌏𐌐𐌒𐌓𐌛𐌔𐌕𐌖𐌗", "abcdefhiklmnopqrrstvx"),  # Old Italic
        ("𐌰𐌱𐌴𐌵𐌶𐌷𐌹𐌺𐌻𐌼𐌽𐍂𐍃𐍄𐍆𐍇𐍈", "abeuzhiklmnrstfxo"),  # Gothic
        ("ᚨᛒᚲᛞᚠᚺᛁᛃᛚᛗᚾᛟᛈᛩᚱᛊᛏᚢᚡᚹᛪᚤ", "abcdfhijlmnopqrstuvwxy"),  # Runic
        ("եժլնշչտրւբթվ", "tdlu2zmprpp4"),  # Armenian
        ("卂乃匚乇千卄丨爪几ㄖ卩尺丂ㄒㄩ山乂ㄚ乙", "abcefhimnoprstuwxyz"),  # Chinese, Bopomofo
        ("ค๒๔เ๓ภ๏รยฬקשאץ", "abdimnosuwpvxy"),  # Thai, Hebrew
        ("°○◯●⚪⚫⭕⬤口ロᄋⴰⵙ", "ooooooooooooo")]:
    FURTHER.update(zip(letters, like))
for first in (0x1F150, 0x1F170, 0x1F1E6):  # white on black, in circles and squares; letters of flags
    FURTHER.update((chr(first + i), chr(ord("a") + i)) for i in range(26))


class Unicode:
    """The Unicode of ICU, whatever its version."""

    INHERITED = 1  # USCRIPT_INHERITED: marks that any script has
    MARKS = {6, 7}  # U_NON_SPACING_MARK, U_ENCLOSING_MARK
    UNASSIGNED, SURROGATE = 0, 18

    def __init__(self):
        path = max(glob.glob("/usr/lib/*/libicui18n.so.*") + glob.glob("/usr/lib/libicui18n.so.*"), key=len,
                   default=None)
        if not path:
            sys.exit("confusables.py: there is no libicui18n; on Debian install libicu-dev")
        self._suffix = "_" + re.search(r"\.so\.(\d+)", path)[1]
        self._libraries = [ctypes.CDLL(path), ctypes.CDLL(path.replace("i18n", "uc"))]
        self._error = ctypes.c_int(0)
        version = (ctypes.c_uint8 * 4)()
        self._function("u_getUnicodeVersion")(version)
        self.version = f"{version[0]}.{version[1]}"
        self._checker = self._call("uspoof_open", restype=ctypes.c_void_p)
        self._canonical = self._call("unorm2_getNFDInstance", restype=ctypes.c_void_p)
        self._compatible = self._call("unorm2_getNFKDInstance", restype=ctypes.c_void_p)

    def _function(self, name, restype=ctypes.c_int):
        for library in self._libraries:
            function = getattr(library, name + self._suffix, None)
            if function:
                function.restype = restype
                return function
        return sys.exit(f"confusables.py: ICU has no {name}")

    def _call(self, name, *arguments, restype=ctypes.c_int):
        self._error.value = 0
        result = self._function(name, restype)(*arguments, ctypes.byref(self._error))
        if self._error.value > 0:
            sys.exit(f"confusables.py: {name}: error {self._error.value} of ICU")
        return result

    def _text(self, name, *before, text):
        """The result of a function from UTF-16 to UTF-16."""
        source = text.encode("utf-16-le")
        room = ctypes.create_string_buffer(4000)
        length = self._call(name, *before, ctypes.c_char_p(source), ctypes.c_int32(len(source) // 2), room,
                            ctypes.c_int32(2000))
        return room.raw[:2 * length].decode("utf-16-le")

    def prototype(self, text):
        """The skeleton of UTS 39."""
        return self._text("uspoof_getSkeleton", ctypes.c_void_p(self._checker), ctypes.c_uint32(0), text=text)

    def decompose(self, text):
        return self._text("unorm2_normalize", ctypes.c_void_p(self._canonical), text=text)

    def without_style(self, character):
        return self._text("unorm2_normalize", ctypes.c_void_p(self._compatible), text=character)

    def fold_case(self, character):
        room = ctypes.create_string_buffer(400)
        source = character.encode("utf-16-le")
        length = self._call("u_strFoldCase", room, ctypes.c_int32(200), ctypes.c_char_p(source),
                            ctypes.c_int32(len(source) // 2), ctypes.c_uint32(0))
        return room.raw[:2 * length].decode("utf-16-le")

    def capital(self, character):
        return chr(self._function("u_toupper")(ord(character)))

    def category(self, character):
        return self._function("u_charType", ctypes.c_int8)(ord(character))

    def age(self, character):
        """The version of Unicode that it came with."""
        version = (ctypes.c_uint8 * 4)()
        self._function("u_charAge")(ord(character), version)
        return version[0]

    def is_letter(self, character):
        return 1 <= self.category(character) <= 5

    def is_mark(self, character):
        """Whether it changes nothing that a glance would see, whatever the script."""
        return self.category(character) in self.MARKS and \
            self._call("uscript_getScript", ord(character)) == self.INHERITED

    def is_blank(self, character):
        return bool(self._function("u_isUWhiteSpace")(ord(character)))


class Likeness:
    """What characters look like: English letters if they do, else small letters, else the prototypes of UTS 39."""

    def __init__(self, unicode):
        self.unicode = unicode
        self._known = {}

    def of_text(self, text):
        return "".join(map(self.of, self.unicode.decompose(text)))

    def of_plain(self, text):
        """The same as the program finds it, which keeps what looks like a mark alone."""
        return "".join(self.of(character) or character for character in text
                       if not (self.unicode.is_mark(character) or self.unicode.is_blank(character)))

    def of(self, character):
        if character not in self._known:
            self._known[character] = character  # where it leads back to itself
            self._known[character] = self._find(character)
        return self._known[character]

    def _find(self, character):
        unicode = self.unicode
        if unicode.is_mark(character) or unicode.is_blank(character):
            return ""
        if character in FIRST:
            return "".join(letter if letter in "oivrn" else self.of(letter) for letter in FIRST[character])
        if character.isascii():
            return character if character == character.lower() else self.of(character.lower())
        plain = unicode.without_style(character)
        english = plain if plain.isascii() else self._english(character)
        if english:
            return self.of_text(english)
        if plain != character:
            return self.of_text(plain)
        folded = unicode.decompose(unicode.fold_case(character))
        if folded != character:
            return self.of_text(folded)
        english = self._english(unicode.capital(character))
        if english:
            return english
        prototype = unicode.decompose(unicode.prototype(character))
        return self.of_text(prototype) if prototype != character else character

    def _english(self, character):
        """What it looks like if that is ASCII, or nothing."""
        prototype = self.unicode.decompose(self.unicode.prototype(character))
        like = self.of_text(prototype) if prototype != character else ""
        if self.unicode.is_letter(character):
            like = like.replace("'", "")  # the hook of a letter
        if not like or not like.isascii():
            like = self.of(FURTHER[character]) if character in FURTHER else ""
        return like


def main():
    unicode = Unicode()
    likeness = Likeness(unicode)
    # Everything that is not decomposed, or dropped, before the table is asked.
    alike = {}
    for code_point in range(0x110000):
        character = chr(code_point)
        if unicode.category(character) in (unicode.UNASSIGNED, unicode.SURROGATE) or \
                unicode.decompose(character) != character:
            continue
        like = likeness.of(character)
        assert likeness.of_text(like) == like, f"U+{code_point:04X}"
        # Nor what looks like itself without style and case, which the program finds out, except for characters that its
        # library may not know.
        plain = unicode.decompose("".join(map(unicode.fold_case, unicode.without_style(character))))
        if like and like != (character if code_point < 0x80 or unicode.age(character) > LIBRARY_AGE
                             or plain == character else likeness.of_plain(plain)):
            alike[code_point] = like
    pieces = sorted({like for like in alike.values() if len(like) > 1})
    offsets = {}
    for piece in pieces:
        offsets[piece] = sum(len(before.encode()) + 1 for before in offsets)
    print(f"""/*
 * Generated by scripts/confusables.py from Unicode {unicode.version}; not for reading. What characters look like: a code
 * point, or PIECE and where in pieces that begins.
 */
/* clang-format off */
#define CONFUSABLES_UNICODE "{unicode.version}"

static const char pieces[] =""")
    for i in range(0, len(pieces), 16):
        print('\t"' + "".join(escaped(piece) + "\\000" for piece in pieces[i:i + 16]) + '"' +
              (";" if i + 16 >= len(pieces) else ""))
    print("\nstatic const struct alike alike[] = {")
    entries = [f"{{{code_point:#x},{f'PIECE|{offsets[like]}' if len(like) > 1 else f'{ord(like):#x}'}}},"
               for code_point, like in alike.items()]
    for i in range(0, len(entries), 8):
        print("\t" + "".join(entries[i:i + 8]))
    print("};\n/* clang-format on */")


def escaped(piece):
    """A piece as a part of a string in C."""
    return "".join(character if character.isascii() and character not in '"\\' else
                   f'\\{character}' if character in '"\\' else
                   "".join(f"\\{byte:03o}" for byte in character.encode()) for character in piece).replace("?", "\\?")


if __name__ == "__main__":
    main()
