"""The demo shop's goods: ours, made up, with prices in fen. Names, not brands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoProduct:
    """One product: its variants share the price unless they add to it."""

    code: str
    name_zh: str
    name_en: str
    price_minor: int
    variants: tuple[tuple[str, int], ...] = (("", 0),)
    """(variant name, price added in minor units)."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class DemoCategory:
    """One category with its products."""

    code: str
    name_zh: str
    name_en: str
    grams: int
    """What a piece weighs, about."""
    products: tuple[DemoProduct, ...]


_SIZES = (("小号", 0), ("中号", 1000), ("大号", 2000))
_COLORS = (("墨绿", 0), ("米白", 0), ("雾蓝", 0))
_PACKS = (("单盒", 0), ("三盒装", 9900))

CATEGORIES: tuple[DemoCategory, ...] = (
    DemoCategory("tea", "茗茶", "Tea", 400, (
        DemoProduct("tea-longjing", "明前龙井绿茶 125克", "Longjing green tea, 125 g", 16800, _PACKS, ("茶",)),
        DemoProduct("tea-baihao", "白毫银针 老白茶 100克", "Silver needle white tea, 100 g", 23800, (("", 0),), ("茶",)),
        DemoProduct("tea-puer", "云南古树普洱熟茶饼 357克", "Ripe pu'er cake, 357 g", 19800, (("", 0),), ("茶",)),
        DemoProduct("tea-jasmine", "茉莉花茶 三窨 250克", "Jasmine tea, 250 g", 8800, (("", 0),), ("茶", "新品")),
        DemoProduct("tea-cup", "青瓷盖碗茶具一套", "Celadon gaiwan set", 25900, (("天青", 0), ("月白", 0)), ("器",)),
    )),
    DemoCategory("fruit", "时令水果", "Fresh fruit", 2600, (
        DemoProduct("fruit-orange", "赣南脐橙 5斤装", "Gannan navel oranges, 2.5 kg", 3990, (("5斤", 0), ("10斤", 3500))),
        DemoProduct("fruit-kiwi", "周至猕猴桃 24枚", "Zhouzhi kiwi, 24 pieces", 5980),
        DemoProduct("fruit-apple", "阿克苏冰糖心苹果 5斤", "Aksu apples, 2.5 kg", 4580),
        DemoProduct("fruit-mango", "百色桂七芒果 5斤", "Baise mangoes, 2.5 kg", 5280, (("", 0),), ("新品",)),
        DemoProduct("fruit-berry", "丹东草莓 礼盒 2斤", "Dandong strawberries, 1 kg box", 8990),
    )),
    DemoCategory("grain", "粮油杂货", "Grain and pantry", 2000, (
        DemoProduct("grain-rice", "五常稻花香大米 5公斤", "Wuchang rice, 5 kg", 9980),
        DemoProduct("grain-millet", "沁州黄小米 2.5公斤", "Qinzhou millet, 2.5 kg", 5990),
        DemoProduct("grain-oil", "冷榨山茶油 1升", "Cold-pressed camellia oil, 1 l", 15900),
        DemoProduct("grain-noodle", "手工挂面 6把装", "Hand-made noodles, 6 bundles", 3280),
        DemoProduct("grain-honey", "秦岭土蜂蜜 500克", "Qinling honey, 500 g", 7980, (("百花", 0), ("枣花", 1000))),
        DemoProduct("grain-vinegar", "三年陈酿米醋 500毫升", "Three-year rice vinegar, 500 ml", 2680),
    )),
    DemoCategory("care", "个护清洁", "Personal care", 600, (
        DemoProduct("care-soap", "无患子手工皂 三块", "Soapberry soap, 3 bars", 4590),
        DemoProduct("care-cream", "玻尿酸保湿面霜 50克", "Hyaluronic cream, 50 g", 12900, (("", 0),), ("新品",)),
        DemoProduct("care-towel", "新疆长绒棉毛巾 四条", "Long-staple cotton towels, 4", 6980, (("素色", 0), ("条纹", 0))),
        DemoProduct("care-paper", "本色竹浆抽纸 24包", "Bamboo tissue, 24 packs", 4990),
        DemoProduct("care-shampoo", "生姜氨基酸洗发露 500毫升", "Ginger amino shampoo, 500 ml", 6890),
    )),
    DemoCategory("home", "家居生活", "Home", 2500, (
        DemoProduct("home-quilt", "桑蚕丝四季被", "Mulberry silk quilt", 69900, (("150×200", 0), ("200×230", 20000))),
        DemoProduct("home-pillow", "荞麦壳护颈枕", "Buckwheat pillow", 8900),
        DemoProduct("home-pan", "章丘手打铁锅 32厘米", "Hand-forged iron wok, 32 cm", 39900),
        DemoProduct("home-cup", "316不锈钢保温杯 500毫升", "Steel thermos, 500 ml", 9900, _COLORS),
        DemoProduct("home-box", "樟木收纳箱", "Camphor storage box", 25900, _SIZES),
        DemoProduct("home-lamp", "宣纸落地灯", "Rice-paper floor lamp", 32900, (("", 0),), ("新品",)),
    )),
    DemoCategory("wear", "服饰鞋包", "Clothing", 500, (
        DemoProduct("wear-tee", "精梳棉圆领T恤", "Combed cotton T-shirt", 7900, (("S", 0), ("M", 0), ("L", 0), ("XL", 0))),
        DemoProduct("wear-scarf", "羊绒围巾", "Cashmere scarf", 29900, (("驼色", 0), ("深灰", 0))),
        DemoProduct("wear-sock", "抗菌棉袜 六双", "Cotton socks, 6 pairs", 3990),
        DemoProduct("wear-bag", "植鞣牛皮托特包", "Vegetable-tanned tote", 59900, (("", 0),), ("新品",)),
        DemoProduct("wear-shoe", "手工千层底布鞋", "Hand-stitched cloth shoes", 12800, (("39", 0), ("41", 0), ("43", 0))),
    )),
    DemoCategory("baby", "母婴儿童", "Mother and child", 900, (
        DemoProduct("baby-book", "唐诗绘本 全八册", "Tang poems picture books, 8", 9980),
        DemoProduct("baby-wash", "婴儿洗衣液 2升", "Baby laundry liquid, 2 l", 5680),
        DemoProduct("baby-block", "榉木积木 100粒", "Beech blocks, 100", 14900),
        DemoProduct("baby-wear", "纯棉连体衣 两件", "Cotton romper, 2", 8900, (("66", 0), ("73", 0), ("80", 0))),
    )),
    DemoCategory("snack", "休闲零食", "Snacks", 600, (
        DemoProduct("snack-nut", "每日坚果 30袋", "Daily nuts, 30 bags", 9990),
        DemoProduct("snack-date", "若羌灰枣 500克", "Ruoqiang dates, 500 g", 3980),
        DemoProduct("snack-beef", "手撕风干牛肉 250克", "Dried beef, 250 g", 7990, (("原味", 0), ("香辣", 0))),
        DemoProduct("snack-cake", "鲜花饼 10枚礼盒", "Rose cakes, box of 10", 4590, (("", 0),), ("新品",)),
        DemoProduct("snack-tofu", "手磨豆干 20小包", "Tofu snacks, 20 bags", 2990),
    )),
)  # fmt: skip
