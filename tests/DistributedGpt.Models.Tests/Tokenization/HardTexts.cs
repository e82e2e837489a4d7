using System.Text;

namespace DistributedGpt.Models.Tests;

/// <summary>Texts on which tokenizers are known to differ from each other.</summary>
internal static class HardTexts
{
    // Added tokens, special and other, of the tokenizers under test.
    private static readonly string[] AddedTokens =
    [
        "<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|reserved_special_token_0|>", "<|im_start|>", "<|im_end|>",
        "<|endoftext|>", "<think>", "</think>", "<tool_call>", "<|fim_prefix|>", "<|object_ref_start|>", "<bos>", "<eos>", "<pad>", "<unk>", "<mask>",
        "<start_of_turn>", "<end_of_turn>", "<unused0>", "[multimodal]", "<table>", "<h1>", "<|start|>", "<|return|>", "<|channel|>", "<|startoftext|>",
        "<s>", "</s>", "\n\n", "\n\n\n", "▁▁", "▁▁▁▁", "<0x0A>", "<0xE2>",
    ];

    private static readonly string[] Bases =
    [
        "", " ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\r\n\r\n", "\n \n", " \n", "\n ", "\t\t\t", "\u00a0", "\u2003\u3000", "\u0085", "\u2028\u2029", "\u200b", "\ufeff", "\ufeffBOM",
        "Hello world", " Hello world", "Hello world ", "  Hello   world  ", "Hello\nworld", "Hello\r\nworld\r\n", "Hello\t\tworld", "hello\0world", "\u0001\u0002\u001f\u007f",
        "it's", "IT'S", "it'ſt", "It'S we'Re you'VE I'M they'LL he'D", "don't can't won't", "'tis 'twas", "’s ’t ’re", "'s't're've'm'll'd", "'ſ", "''s", "rock'n'roll", "O'Neill's",
        "1", "12", "123", "1234", "12345678901234567890", "3.14159", "1,000,000.00", "0x1F", "1e-10", "v1.2.3-beta4", "٣٤٥", "१२३४", "Ⅻ", "½ ¼ ²³", "1２3", "𝟘𝟙𝟚𝟛", "२०२४ 2024",
        "naïve café", "nai\u0308ve cafe\u0301", "A\u030a Å Å", "ﬁ ﬂ ﬀ", "e\u0301\u0327\u0323", "한국어", "\u1112\u1161\u11ab\u1100\u116e\u11a8", "が か\u3099", "Ω Ω", "K K", "½ⁿ", "ǅ ǆ Ǆ",
        "😀", "hi 😀abc", "😀😀😀", "👨‍👩‍👧‍👦", "👍🏽", "🏳️‍🌈", "🇩🇪🇫🇷", "❤️ ❤", "🧑🏿‍🚀 launch", "a😀b😀c", "😀's", " 😀 ", "𝓗𝓮𝓵𝓵𝓸", "𐍈𐌰𐌹", "𠜎𠜱𠝹𠱓", "🀄🃏", "\U0001F468\u200d", "\U000e0041tag", "\U0010fffd",
        "中文测试", "日本語のテスト", "ภาษาไทย", "हिन्दी में", "العربية", "עברית", "русский язык", "Ελληνικά", "հայերեն", "ქართული", "አማርኛ", "বাংলা", "தமிழ்", "తెలుగు", "ಕನ್ನಡ", "മലയാളം", "සිංහල", "ລາວ", "မြန်မာ", "ខ្មែរ", "བོད་ཡིག", "ᠮᠣᠩᠭᠣᠯ", "ᏣᎳᎩ", "ꦗꦮ", "ⵜⵉⴼⵉⵏⴰⵖ", "Tiếng Việt", "Türkçe İıİ", "ÇĞŞ", "ｆｕｌｌｗｉｄｔｈ ＡＢＣ", "中文English混合123",
        "<", ">", "<>", "<|", "|>", "<|x|>", "< |im_start|>", "<|IM_START|>", "<s", "s>", "< s >", "<0x41>", "<0x4>", "<0xZZ>", "▁", "▁a", "a▁b", "a ▁ b", "▁▁▁", "Ġ", "Ġhello", "ĊĊ", "Ã©", "�", "��a", "[PAD151645]",
        "int main() {\n    return 0;\n}\n", "def f(x):\n\tif x:\n\t\treturn x\n", "SELECT * FROM t WHERE a='b';", "if (a != b && c >= d) { x += 1; }", "https://example.org/a?b=c&d=%20#e", "user.name+tag@example.co.uk", "C:\\Users\\me\\file.txt", "\\n \\t \\u0041", "{\"key\": [1, 2, {\"a\": null}]}", "<html><body class=\"x\">&amp;</body></html>", "$\\frac{1}{2}$", "a/b/c //comment", "...", "!!!???", "--- *** ___", "#hashtag @mention", "x==y", "!==", "a,b;c:d", "(((()))) [[[]]]", "\"quoted\" 'single' `back`", "«guillemets» „low“",
        "camelCaseWord PascalCase snake_case kebab-case SCREAMING_CASE", "iPhone McDonald XMLHttpRequest", "ÀÉÎ àéî ÀéÎ", "ＨｅＬＬｏ", "ᾈ ᾀ", "ß ẞ ſ", "İstanbul ıstanbul",
        "a  b   c    d     e", "line1\n\nline2\n\n\nline3\n\n\n\n", "trailing spaces   \n   leading", " \t \n \r ", "a\u00a0b\u2009c\u200ad", "a\u200bb\u200cc\u200dd\u2060e", "\u202eRTL\u202c", "x\u0300\u0301\u0302\u0303\u0304\u0305",
        "The quick brown fox jumps over the lazy dog.", "ROMEO:\nBut, soft! what light through yonder window breaks?", "Straße Größe Übermut", "L'été dernier, j'ai mangé", "¿Qué tal? ¡Bien!", "100% sure; €5, £6, ¥7, ₹8", "E=mc² ∑∫∂√∞ ≠ ≤ ≥", "→ ← ↑ ↓ ⇒", "■□▲△●○", "░▒▓█", "┌─┐│└┘", "♔♕♖ ♠♥♦♣", "㎏ ㎡ ㍿", "①②③", "№ ™ © ®",
    ];

    /// <summary>All of them, each valid Unicode.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Build().Distinct(StringComparer.Ordinal)];

    private static IEnumerable<string> Build()
    {
        foreach (string text in Bases)
            yield return text;
        foreach (string token in AddedTokens)
        {
            yield return token;
            yield return $"a{token}b";
            yield return $"a  {token}  b{token}{token}\n{token}";
        }

        foreach (int length in (int[])[7, 8, 15, 16, 31, 33, 64, 81, 127, 130])
        {
            yield return new string(' ', length);
            yield return new string(' ', length) + "x";
            yield return "x" + new string('\n', length) + "y";
            yield return new string('\t', length) + new string('-', length) + new string('a', length) + new string('9', length);
        }

        yield return string.Concat(Enumerable.Repeat("word ", 4000));
        yield return new string('a', 20000);
        yield return string.Concat(Enumerable.Repeat("😀é中", 3000));
        yield return string.Join('\n', Bases);

        // Mixtures: what one text does at its end may depend on how the next begins.
        var random = new Random(20240917);
        for (int i = 0; i < 150; i++)
        {
            var text = new StringBuilder();
            for (int part = random.Next(2, 7); part > 0; part--)
            {
                text.Append(Bases[random.Next(Bases.Length)]);
                if (random.Next(6) == 0)
                    text.Append(AddedTokens[random.Next(AddedTokens.Length)]);
            }

            yield return text.ToString();
        }

        // Any code points.
        for (int i = 0; i < 100; i++)
        {
            var text = new StringBuilder();
            for (int length = random.Next(1, 40); length > 0;)
            {
                int value = random.Next(i % 2 == 0 ? 0x3000 : 0x30000);
                if (!Rune.IsValid(value))
                    continue;
                text.Append(new Rune(value));
                length--;
            }

            yield return text.ToString();
        }
    }
}
